"""Ends the approvals that nobody gave in time.

A suspended run has no process that could look at the clock, and Prefect would call it failed. So
each worker answers it in the place of the person who did not: the run goes on, ends as declined.
"""

from contextlib import suppress
from datetime import UTC, datetime

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.exceptions import PrefectException

from spotkiln.release.approval import ANSWER_KEY, NOBODY, Decision, overdue

LOOK_SECONDS = 5.0
PAGE = 200


async def _decline(client: PrefectClient, pool: str) -> None:
    # All of them: those whose time is over come in no order.
    offset = 0
    while True:
        found = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Suspended"]))
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
            limit=PAGE,
            offset=offset,
        )
        for run in found:
            details = run.state and run.state.state_details
            asked = details and details.pause_key == ANSWER_KEY
            if details and asked and overdue(details.pause_timeout, datetime.now(UTC)):
                # Whoever answered a moment ago, or another worker, was first: then it does nothing.
                await client.resume_flow_run(
                    run.id, run_input={"decision": str(Decision.REJECT), "by": NOBODY}
                )
        if len(found) < PAGE:
            return
        offset += PAGE


async def decline_unanswered(pool: str) -> None:
    """For ever: what Prefect does not answer now is looked at again."""
    while True:
        with suppress(PrefectException, httpx.HTTPError, OSError):
            async with get_client() as client:
                while True:
                    await _decline(client, pool)
                    await anyio.sleep(LOOK_SECONDS)
        await anyio.sleep(LOOK_SECONDS)
