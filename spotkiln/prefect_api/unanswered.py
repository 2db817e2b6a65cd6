"""Ends the approvals that nobody gave in time.

A suspended run has no process that could look at the clock, and at its deadline Prefect would call
it failed. So somebody answers in the place of the person who did not: the run goes on, and ends as
declined.
"""

from datetime import UTC, datetime

from spotkiln.prefect_api import run, run_list
from spotkiln.prefect_api.connection import Api
from spotkiln.release.approval import ANSWER_KEY, NOBODY, Decision, overdue


async def decline(api: Api, pool: str = "") -> list[str]:
    """Of one work pool, or of all. The names of the runs that were declined."""
    declined = []
    for one in await run_list.suspended(api, pool):
        if one.pause_key == ANSWER_KEY and overdue(one.pause_ends, datetime.now(UTC)):
            # Somebody who answered a moment ago, or another of us, may be first: no harm.
            await run.resume(api, one.id, {"decision": str(Decision.REJECT), "by": NOBODY})
            declined.append(one.name)
    return declined
