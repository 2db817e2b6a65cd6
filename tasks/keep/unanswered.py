"""Decline the approvals that nobody gave in time, whatever kind of worker runs the releases."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from spotkiln.prefect_api import unanswered
from spotkiln.prefect_api.connection import ask
from spotkiln.tasks.step import not_urgent, say


@task(
    name="decline unanswered",
    task_run_name="1 look up: approvals",
    cache_policy=NO_CACHE,
    retries=0,
)
def decline_unanswered() -> int:
    """How many were declined. What fails is tried again the next time."""
    declined: list[str] = []
    with not_urgent("decline the approvals that nobody gave in time", "the next reconcile does it"):
        declined = ask(unanswered.decline)
    for name in declined:
        say(f"declined {name}: nobody approved it in time")
    return len(declined)
