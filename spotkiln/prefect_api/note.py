"""Notes: texts that Prefect keeps with a run, by key, for whoever continues or follows it.

In Prefect's words they are the run's inputs, which are JSON. They are not shown in the UI, any host
can read them, and they go with the run.
"""

import json
from datetime import datetime
from uuid import UUID

from spotkiln.errors import NotInPrefect, PrefectRefused
from spotkiln.prefect_api.connection import Api


async def write(api: Api, run: str, key: str, text: str) -> None:
    """Keep it, in the place of an earlier one with that key."""
    try:
        await _create(api, run, key, text)
    except PrefectRefused as error:
        if not error.exists:
            raise
        await api.ask(
            f"delete the note {key} of run {run}",
            lambda client: client.delete_flow_run_input(UUID(run), key),
        )
        await _create(api, run, key, text)


async def _create(api: Api, run: str, key: str, text: str) -> None:
    await api.ask(
        f"keep the note {key} of run {run}",
        lambda client: client.create_flow_run_input(UUID(run), key, json.dumps(text)),
    )


async def read(api: Api, run: str, key: str) -> str | None:
    """None if the run has no such note."""
    try:
        found = await api.ask(
            f"read the note {key} of run {run}",
            lambda client: client.read_flow_run_input(UUID(run), key),
        )
    except NotInPrefect:
        return None
    return str(json.loads(found))


async def written(api: Api, run: str, key: str) -> datetime | None:
    """When it was kept, by the clock of Prefect's server; None if the run has no such note."""
    found = await api.ask(
        f"read when the note {key} of run {run} was kept",
        lambda client: client.filter_flow_run_input(
            UUID(run), key_prefix=key, limit=1, exclude_keys=set()
        ),
    )
    return next((one.created for one in found if one.key == key), None)
