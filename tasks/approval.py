"""Ask a person before anything is spent: a paused run with a form in the Prefect UI.

It must happen before the lock: whoever is asked may be asleep, and a pause frees what Prefect
holds for a run.
"""

from prefect import pause_flow_run
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Running
from pydantic import Field

from spotkiln.approval import Answer, Decision, refusal
from spotkiln.page import approval_text
from spotkiln.plan import Plan
from spotkiln.release import Approval
from tasks.image import Job
from tasks.plan import plan_release
from tasks.record import Record
from tasks.step import say

POLL_SECONDS = 2


class ApprovalForm(RunInput):
    decision: Decision = Field(title="Decision", description="Whether to release it.")
    by: str = Field(default="", max_length=100, title="Who", description="Your name.")
    comment: str = Field(default="", max_length=1000, title="Comment", description="Why.")


def _ask(plan: Plan, approval: Approval) -> Answer | None:
    """None: nobody answered in time."""
    form = ApprovalForm.with_initial_data(description=approval_text(plan))
    try:
        given = pause_flow_run(
            wait_for_input=form, timeout=approval.seconds, poll_interval=POLL_SECONDS
        )
    except FlowPauseTimeout:
        # The server would call every further state of this run a failure; it ends as we say.
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run.id, Running(), force=True)
        return None
    return Answer(decision=given.decision, by=given.by.strip(), comment=given.comment.strip())


def ask_approval(record: Record, job: Job) -> str:
    """Why it must not be released; empty if it may be, or if there is nothing to do."""
    approval = job.spec.approval
    if not approval.required:
        return ""
    with record.phase("approval"):
        plan = plan_release(job)
        if plan.unchanged:
            return ""
        say(f"waiting {approval.seconds} s for an approval: resume this run in the UI")
        answer = _ask(plan, approval)
    record.approved, record.approval = plan, str(answer or "")
    if answer:
        say(str(answer))
    return refusal(answer, approval)
