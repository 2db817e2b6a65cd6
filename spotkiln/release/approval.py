"""Approval: somebody looks at what would change before anything is spent."""

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


# Of the pause in Prefect, and of what was asked, beside the answer to it.
KEY, ASKED = "approval", "approval-asked"
# What a suspended run is answered with when its time is over. The deadline that Prefect itself
# knows comes so much later, for it would call the run failed: only if no worker was there.
NOBODY = "nobody, in time"
GRACE = timedelta(days=7)


class Asked(Noun):
    """What a person was asked. It outlives the run's process, which ends meanwhile: the one that
    goes on does what was asked about, or nothing. Times are UTC."""

    plan: Plan
    started: datetime
    asked: datetime


class Answer(Noun):
    """What was decided. Prefect knows no users: `by` is what somebody wrote."""

    decision: Decision
    by: str = ""
    comment: str = ""

    def __str__(self) -> str:
        text = "approved" if self.decision is Decision.APPROVE else "rejected"
        text += f" by {self.by}" if self.by else ""
        return text + (f": {self.comment}" if self.comment else "")


def overdue(deadline: datetime | None, now: datetime) -> bool:
    """Whether a suspended run has waited as long as it was told to. `deadline` is Prefect's."""
    return deadline is not None and now > deadline - GRACE


def refusal(answer: Answer | None, approval: Approval) -> str:
    """Why nothing is released; empty if it may be. No answer is one."""
    if answer is None:
        return f"nobody approved it within {approval.seconds} s; start it again to be asked again"
    return "" if answer.decision is Decision.APPROVE else str(answer)


def outdated(approved: Plan | None, image: Image | None, serving: list[Fleet]) -> str:
    """Why what was approved is no longer what would be done; empty if it is, or if nobody was
    asked. Other releases may have come first while somebody thought about it."""
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
