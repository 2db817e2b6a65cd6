"""Ask a person before anything is spent: a run that waits, with a form in the Prefect UI.

A run of a deployment is suspended: its process ends and gives the worker's slot back, and with the
answer the flow starts anew. Any other run pauses. It must happen before the lock: whoever is asked
may be asleep, and a pause frees what Prefect holds for a run.
"""

from datetime import UTC, datetime
from typing import cast

from prefect import pause_flow_run, suspend_flow_run
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.input.actions import create_flow_run_input, read_flow_run_input
from prefect.runtime import flow_run
from prefect.states import Running
from pydantic import Field, ValidationError

from spotkiln.bake.app import App
from spotkiln.errors import InputError
from spotkiln.release.approval import ASKED, GRACE, KEY, NOBODY, Answer, Asked, Decision, refusal
from spotkiln.release.plan import Plan
from spotkiln.release.release import Approval, Phase
from spotkiln.show.page import approval_text
from spotkiln.tasks.bake.image import Job
from spotkiln.tasks.release.plan import plan_release
from spotkiln.tasks.release.record import Record
from spotkiln.tasks.step import say

POLL_SECONDS = 2
# The last word of a process whose run is suspended. Its last heartbeat may be told after the
# suspension; automations.yaml would wait for the next.
SUSPENDED = "spotkiln.run.suspended"
_suspended: list[str] = []


class ApprovalForm(RunInput):
    decision: Decision = Field(title="Decision", description="Whether to release it.")
    by: str = Field(default="", max_length=100, title="Who", description="Your name.")
    comment: str = Field(default="", max_length=1000, title="Comment", description="Why.")


def _can_be_suspended() -> bool:
    """Whether Prefect can start this run anew."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return bool(run and run.deployment_id and not run.parent_task_run_id)


def as_asked(record: Record, app: App, approval: Approval) -> App:
    """What to check out: the commit that somebody was asked about, if this run asked before, though
    the branch may have moved. The record then knows what was asked.

    Raises:
        InputError: Spotkiln was changed meanwhile, and what was asked cannot be read.
    """
    if not (approval.required and _can_be_suspended()):
        return app
    stored = cast(str | None, read_flow_run_input(ASKED))
    if stored is None:
        return app
    try:
        record.asked = Asked.model_validate_json(stored)
    except ValidationError as error:
        raise InputError(
            "this version of Spotkiln cannot read what another one asked for approval; start the "
            "release again to be asked again"
        ) from error
    record.started = record.asked.started
    return app.model_copy(update={"ref": record.asked.plan.commit})


def _answer(given: ApprovalForm) -> Answer | None:
    if given.by == NOBODY:
        return None
    return Answer(decision=given.decision, by=given.by.strip(), comment=given.comment.strip())


def _pause(plan: Plan, approval: Approval) -> Answer | None:
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
    return _answer(given)


def _suspend(plan: Plan, approval: Approval) -> Answer | None:
    """Ends this process the first time; when the run goes on, the answer."""
    form = ApprovalForm.with_initial_data(description=approval_text(plan))
    timeout = approval.seconds + int(GRACE.total_seconds())
    _suspended.append(str(flow_run.id))
    given = suspend_flow_run(wait_for_input=form, timeout=timeout, key=KEY)
    _suspended.clear()
    return _answer(given)


def tell_suspended() -> None:
    """To be called last of all in a run's process."""
    for run in _suspended:
        emit_event(SUSPENDED, resource={"prefect.resource.id": f"prefect.flow-run.{run}"})


def _ask(record: Record, job: Job) -> Answer | None:
    """None: nobody answered in time, or there is nothing to approve: then no plan is noted."""
    approval, now = job.spec.approval, datetime.now(UTC)
    if record.asked:
        record.approved = record.asked.plan
        seconds = (now - record.asked.asked).total_seconds()
        record.phases.append(Phase(name="approval", seconds=seconds))
        return _suspend(record.asked.plan, approval)
    with record.phase("approval"):
        plan = plan_release(job)
        if plan.unchanged:
            return None
        record.approved = plan
        say(f"waiting {approval.seconds} s for an approval: resume this run in the UI")
        if not _can_be_suspended():
            return _pause(plan, approval)
        asked = Asked(plan=plan, started=record.started, asked=now)
        create_flow_run_input(ASKED, asked.model_dump_json())
        return _suspend(plan, approval)


def ask_approval(record: Record, job: Job) -> str:
    """Why it must not be released; empty if it may be, or if there is nothing to do."""
    approval = job.spec.approval
    if not approval.required:
        return ""
    answer = _ask(record, job)
    if record.approved is None:
        return ""
    record.approval = str(answer or "")
    if answer:
        say(str(answer))
    return refusal(answer, approval)
