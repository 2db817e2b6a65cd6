"""A worker declines the approvals that nobody gave in time, in its own pool and within seconds.
Where Prefect's own worker runs the releases, reconcile does it."""

from contextlib import suppress

import anyio

from spotkiln.errors import SpotkilnError
from spotkiln.prefect_api import unanswered
from spotkiln.prefect_api.connection import connect

LOOK_SECONDS = 5.0


async def decline_unanswered(pool: str) -> None:
    """Never returns. While Prefect does not answer, it tries again."""
    while True:
        with suppress(SpotkilnError):
            async with connect() as api:
                while True:
                    await unanswered.decline(api, pool)
                    await anyio.sleep(LOOK_SECONDS)
        await anyio.sleep(LOOK_SECONDS)
