"""Ask a person before anything is spent: the run waits, with a form in Prefect's UI.

A run of a deployment is suspended: its process ends and frees the worker's slot, and once there is
an answer the flow starts anew. Any other run is paused. Either must happen before the run holds the
target group: the person may be asleep, and a pause gives up what Prefect holds for a run.
"""

from datetime import UTC, datetime

from prefect import pause_flow_run, suspend_flow_run
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.runtime import flow_run
from pydantic import Field, ValidationError

from spotkiln.bake.app import AppSpec
from spotkiln.errors import InputError
from spotkiln.prefect_api import note
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.run import force_running
from spotkiln.release.approval import (
    ANSWER_KEY,
    GRACE,
    NOBODY,
    QUESTION_KEY,
    RESPONSE_KEY,
    Answer,
    Decision,
    Question,
    refusal,
    too_late,
)
from spotkiln.release.happening import Answered, PlanShown, Resumed
from spotkiln.release.job import Job
from spotkiln.release.plan import Plan
from spotkiln.release.release import Approval, EndsEarly, Outcome, Timing
from spotkiln.release.summary import why_untouched
from spotkiln.show.page import approval_text
from spotkiln.tasks.release.leaving import can_be_started_anew, leaves, stays
from spotkiln.tasks.release.plan import plan_release
from spotkiln.tasks.release.run import ReleaseRun
from spotkiln.tasks.step import say

POLL_SECONDS = 2


class ApprovalForm(RunInput):
    decision: Decision = Field(title="Decision", description="Whether to release it.")
    by: str = Field(default="", max_length=100, title="Who", description="Your name.")
    comment: str = Field(default="", max_length=1000, title="Comment", description="Why.")


def as_approved(run: ReleaseRun) -> AppSpec:
    """The application to check out. If this run asked for an approval before: at the commit that it
    asked about, though the branch may have moved.

    Raises:
        InputError: Spotkiln was changed meanwhile, and the question cannot be read.
    """
    app = run.spec.app
    if not (run.spec.approval.required and can_be_started_anew()):
        return app
    stored = ask(note.read, str(flow_run.id), QUESTION_KEY)
    if stored is None:
        return app
    try:
        question = Question.model_validate_json(stored)
    except ValidationError as error:
        raise InputError(
            "this version of Spotkiln cannot read what another one asked for approval; start the "
            "release again to be asked again"
        ) from error
    run.note(Resumed(question=question))
    return app.model_copy(update={"ref": question.plan.commit})


def _answer(given: ApprovalForm) -> Answer | None:
    if given.by == NOBODY:
        return None
    return Answer(decision=given.decision, by=given.by.strip(), comment=given.comment.strip())


def _pause(question: str, approval: Approval) -> Answer | None:
    form = ApprovalForm.with_initial_data(description=question)
    try:
        given = pause_flow_run(
            wait_for_input=form, timeout=approval.seconds, poll_interval=POLL_SECONDS
        )
    except FlowPauseTimeout:
        # The server would call every further state of this run a failure: it gets a good one.
        ask(force_running, str(flow_run.id))
        return None
    return _answer(given)


def _suspend(question: str, approval: Approval) -> Answer | None:
    """The first time it ends this process. When the run goes on, it returns the answer."""
    form = ApprovalForm.with_initial_data(description=question)
    timeout = approval.seconds + int(GRACE.total_seconds())
    leaves(str(flow_run.id))
    given = suspend_flow_run(wait_for_input=form, timeout=timeout, key=ANSWER_KEY)
    stays()
    return _answer(given)


def _ask(run: ReleaseRun, plan: Plan) -> Answer | None:
    """None: nobody answered in time."""
    approval = run.spec.approval
    run.note(PlanShown(plan=plan))
    say(f"waiting {approval.seconds} s for an approval: resume this run in the UI")
    if not can_be_started_anew():
        return _pause(approval_text(plan, run.spec.why), approval)
    question = Question(plan=plan, started=run.book.started, asked=datetime.now(UTC))
    ask(note.write, str(flow_run.id), QUESTION_KEY, question.model_dump_json())
    return _suspend(approval_text(plan, run.spec.why), approval)


def _read_answer(run: ReleaseRun, question: Question) -> Answer | None:
    """The answer to what an earlier process of this run asked. None: nobody answered in time."""
    run.note(PlanShown(plan=question.plan))
    waited = (datetime.now(UTC) - question.asked).total_seconds()
    run.note(Timing(name="approval", seconds=waited))
    approval = run.spec.approval
    answer = _suspend(approval_text(question.plan, run.spec.why), approval)
    # When it was given counts, and not when a worker had room to go on.
    given = ask(note.written, str(flow_run.id), RESPONSE_KEY) or datetime.now(UTC)
    if answer and too_late(question.asked, approval.seconds, given):
        say(f"{answer}; that came after the deadline, {approval.seconds} s, and does not count")
        return None
    return answer


def end_if_not_approved(run: ReleaseRun, job: Job) -> None:
    """Ask a person, if that is wanted and there is anything to do. The release goes on if the
    answer is yes.

    Raises:
        EndsEarly: the answer is no, or nobody answered in time.
    """
    approval = run.spec.approval
    if not approval.required:
        return
    if resumed := run.book.last(Resumed):
        answer = _read_answer(run, resumed.question)
    else:
        with run.timed("approval"):
            plan = plan_release(job)
            if plan.unchanged or why_untouched(run.book, files_serve=plan.files_serve):
                return
            answer = _ask(run, plan)
    run.note(Answered(answer=answer))
    if answer:
        say(str(answer))
    if why := refusal(answer, approval):
        raise EndsEarly(Outcome.DECLINED, why)
