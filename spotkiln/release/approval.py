"""Approval: a person looks at what would change, before anything is spent."""

from datetime import datetime, timedelta
from enum import StrEnum

from spotkiln.bake.image import Image
from spotkiln.noun import Noun
from spotkiln.release.plan import Plan
from spotkiln.release.release import Approval
from spotkiln.serve.fleet import Fleet


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


# The names under which Prefect keeps the answer, and the question.
ANSWER_KEY, QUESTION_KEY = "approval", "approval-asked"
# Made by Prefect of the state's name and ANSWER_KEY.
RESPONSE_KEY = f"suspended-{ANSWER_KEY}-response"
# The answer that a worker or reconcile gives to a suspended run whose time is over.
NOBODY = "nobody, in time"
# Prefect has a deadline of its own, and calls a run failed that passes it. It is so much later than
# ours, so that it matters only if nothing of ours runs.
GRACE = timedelta(days=7)
NOBODY_WAS_ASKED = (
    "nobody was asked for the approval, for there was nothing to do; that has changed: start it "
    "again to be asked"
)


class Question(Noun):
    """What a person was asked: whether this plan may be carried out. The process of the run ends
    while it waits, and another one goes on. That one does what was asked about, or nothing.
    `started` is when the run began, `asked` when the person was asked; both are UTC."""

    plan: Plan
    started: datetime
    asked: datetime


class Answer(Noun):
    """What the person decided. Prefect knows no users: `by` is the name that the person wrote."""

    decision: Decision
    by: str = ""
    comment: str = ""

    def __str__(self) -> str:
        text = "approved" if self.decision is Decision.APPROVE else "rejected"
        text += f" by {self.by}" if self.by else ""
        return text + (f": {self.comment}" if self.comment else "")


def overdue(deadline: datetime | None, now: datetime) -> bool:
    """Whether the time for an answer is over. `deadline` is Prefect's own for the suspended run."""
    return deadline is not None and now > deadline - GRACE


def too_late(asked: datetime, seconds: int, answered: datetime) -> bool:
    """Whether an answer came after the time for it was over. Prefect takes one for longer, and
    nobody may have declined it meanwhile."""
    return answered > asked + timedelta(seconds=seconds)


def refusal(answer: Answer | None, approval: Approval) -> str:
    """Why nothing is released; empty if it may be. Without an answer nothing is
    released."""
    if answer is None:
        return f"nobody approved it within {approval.seconds} s; start it again to be asked again"
    return "" if answer.decision is Decision.APPROVE else str(answer)


def changed_since_approval(approved: Plan | None, image: Image | None, serving: list[Fleet]) -> str:
    """Why the release would no longer do what was approved; empty if it would, or if nobody was
    asked. Another release may have come first while the person thought about it. `image` is the
    one to reuse; `serving` are the fleets that serve, the newest first."""
    if approved is None:
        return ""
    was, now = approved.serving, serving[0] if serving else None
    if (was.id if was else "") != (now.id if now else ""):
        return (
            f"what serves has changed since the approval: it was {_fleet(was)}, now it is "
            f"{_fleet(now)}; start it again and look at what would change now"
        )
    found = image.id if image else ""
    if approved.image != found:
        return (
            f"the image has changed since the approval: {approved.image or 'a new bake'} was "
            f"approved, now it would be {found or 'a new bake'}; start it again"
        )
    return ""


def _fleet(fleet: Fleet | None) -> str:
    return f"{fleet.id} with commit {fleet.commit[:12]}" if fleet else "nothing"
