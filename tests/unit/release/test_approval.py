"""What an approval is worth."""

from datetime import timedelta

import pytest

from spotkiln.bake.image import Image
from spotkiln.release.approval import (
    GRACE,
    Answer,
    Decision,
    Question,
    changed_since_approval,
    overdue,
    refusal,
    too_late,
)
from spotkiln.release.release import Approval
from spotkiln.serve.fleet import Fleet
from tests.unit import nouns
from tests.unit.release.test_plan import again, plan

YES = Answer(decision=Decision.APPROVE, by="alice", comment="after lunch")
NO = Answer(decision=Decision.REJECT, by="bob")


def test_only_a_yes_is_one() -> None:
    asked = Approval(required=True, seconds=60)
    assert refusal(YES, asked) == ""
    assert refusal(NO, asked) == "rejected by bob"
    assert refusal(None, asked).startswith("nobody approved it within 60 s")


def test_an_answer_is_told() -> None:
    assert str(YES) == "approved by alice: after lunch"
    assert str(Answer(decision=Decision.REJECT)) == "rejected"


@pytest.mark.parametrize(
    ("image", "serving", "said"),
    [
        (None, [nouns.fleet("sfr-1")], ""),
        # Others of ours that are on their way out do not matter.
        (None, [nouns.fleet("sfr-1"), nouns.fleet("sfr-0")], ""),
        (None, [nouns.fleet("sfr-2")], "it was sfr-1 with commit c0ffeec0ffee, now it is sfr-2"),
        (None, [], "it was sfr-1 with commit c0ffeec0ffee, now it is nothing"),
        (nouns.image("ami-9"), [nouns.fleet("sfr-1")], "a new bake was approved"),
    ],
)
def test_what_was_approved_is_what_is_done(
    image: Image | None, serving: list[Fleet], said: str
) -> None:
    found = changed_since_approval(plan(), image, serving)
    assert said in found
    assert bool(found) is bool(said)


def test_an_image_that_went_meanwhile() -> None:
    approved = plan(found=again("ami-7"))
    assert changed_since_approval(approved, nouns.image("ami-7"), [nouns.fleet("sfr-1")]) == ""
    assert "ami-7 was approved, now it would be a new bake" in changed_since_approval(
        approved, None, [nouns.fleet("sfr-1")]
    )


def test_what_was_asked_outlives_the_process() -> None:
    was = plan(found=again("ami-7"))
    asked = Question(plan=was, started=nouns.START, asked=nouns.START + timedelta(seconds=5))
    assert Question.model_validate_json(asked.model_dump_json()) == asked


def test_whose_time_is_over() -> None:
    asked, told = nouns.START, timedelta(seconds=60)
    deadline = asked + told + GRACE
    assert not overdue(deadline, asked + told)
    assert overdue(deadline, asked + told + timedelta(seconds=1))
    assert not overdue(None, asked)


def test_an_answer_counts_until_the_deadline() -> None:
    told = timedelta(seconds=60)
    assert not too_late(nouns.START, 60, nouns.START + told)
    assert too_late(nouns.START, 60, nouns.START + told + timedelta(seconds=1))


def test_nobody_was_asked() -> None:
    assert changed_since_approval(None, nouns.image(), []) == ""
