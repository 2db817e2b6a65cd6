"""Ends the approvals that nobody gave in time.

A suspended run has no process that could look at the clock, and at its deadline Prefect would call
it failed. So each worker answers in the place of the person who did not: the run goes on, and ends
as declined.
"""

from contextlib import suppress
from datetime import UTC, datetime

import anyio

from spotkiln.errors import SpotkilnError
from spotkiln.prefect_api import run, run_list
from spotkiln.prefect_api.connection import Api, connect
from spotkiln.release.approval import ANSWER_KEY, NOBODY, Decision, overdue

LOOK_SECONDS = 5.0


async def _decline(api: Api, pool: str) -> None:
    for one in await run_list.suspended(api, pool):
        if one.pause_key == ANSWER_KEY and overdue(one.pause_ends, datetime.now(UTC)):
            # Somebody who answered a moment ago, or another worker, may be first: no harm.
            await run.resume(api, one.id, {"decision": str(Decision.REJECT), "by": NOBODY})


async def decline_unanswered(pool: str) -> None:
    """Never returns. While Prefect does not answer, it tries again."""
    while True:
        with suppress(SpotkilnError):
            async with connect() as api:
                while True:
                    await _decline(api, pool)
                    await anyio.sleep(LOOK_SECONDS)
        await anyio.sleep(LOOK_SECONDS)
