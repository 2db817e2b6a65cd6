"""The way back: whatever ends a hand-over, the old servers have all requests again."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve import hand_over as notes
from spotkiln.aws.serve import stay
from spotkiln.aws.serve.shift import hand_over
from spotkiln.errors import GateFailed, InfrastructureError, SpotkilnError
from spotkiln.serve.stepping import Steer
from spotkiln.serve.weights import HandOver
from tests.unit import nouns
from tests.unit.clock import FakeClock
from tests.unit.serve.shifting import (
    BLUE,
    GREEN,
    NOTE,
    RELEASE,
    STEPS,
    Balancer,
    Fleets,
    balancer,
    fleet,
    fleets,
    forward,
    infra,
    quiet,
    shift_all,
    steered,
)
from tests.unit.serve.test_calls import refused

__all__ = ["balancer", "fleets", "quiet"]


@pytest.mark.usefixtures("fleets")
def test_abort_goes_back_at_the_next_look(
    balancer: Balancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    steered(monkeypatch, [Steer.RESUME] * 3 + [Steer.ABORT])
    said: list[str] = []
    clock = FakeClock()
    with pytest.raises(GateFailed, match=r"turned back at step 1 \(10 %\): a person said abort"):
        shift_all(balancer, clock=clock, said=said)
    assert balancer.shares() == [10, 0]
    assert balancer.given_back
    assert balancer.tags == {}
    assert clock.now() <= 31
    assert said[-1].startswith("back: all requests to website, in ")


def test_a_fleet_that_somebody_took_away_leaves_no_weight(
    balancer: Balancer, fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> Steer:
        fleets.fleets = ()
        raise InfrastructureError("sfr-2 is cancelled; was it cancelled by somebody?")

    monkeypatch.setattr(stay, "steered", look)
    with pytest.raises(InfrastructureError, match="was it cancelled by somebody"):
        shift_all(balancer)
    assert balancer.given_back


@pytest.mark.usefixtures("fleets")
def test_whoever_has_taken_the_turn_over_has_the_weights(balancer: Balancer) -> None:
    lost = False

    def check() -> None:
        if lost:
            raise InfrastructureError("the turn is lost")

    def look(*_: object) -> None:
        nonlocal lost
        lost = True
        notes.end(balancer.aws(), BLUE.arn, RELEASE)

    with pytest.raises(InfrastructureError, match="the turn is lost"):
        hand_over(
            balancer.aws(), fleet(), infra(), STEPS,
            clock=FakeClock(), check=check, say=look, progress=lambda *_: None,
        )  # fmt: skip
    assert balancer.shares() == [10]


@pytest.mark.usefixtures("fleets")
def test_a_way_back_that_fails_does_not_hide_why(balancer: Balancer) -> None:
    balancer.refuses = lambda: len(balancer.set) > 2
    said: list[str] = []
    with pytest.raises(SpotkilnError, match=r"setting the weights website=50|ModifyRule"):
        shift_all(balancer, said=said)
    assert said[-1].startswith("the requests could not be sent back to website yet: ")


def left(balancer: Balancer) -> bool:
    """Give back what a dead release has left."""
    return notes.give_back(balancer.aws(), BLUE.arn, RELEASE)


@pytest.mark.parametrize("there", [True, False])
def test_all_is_given_back_whatever_the_rules_look_like_and_whether_its_servers_are_there(
    balancer: Balancer, fleets: Fleets, *, there: bool
) -> None:
    fleets.fleets = fleets.fleets if there else ()
    notes.begin(balancer.aws(), NOTE)
    # AWS tells what was before the change to half.
    balancer.rules = {"rule-1": forward(50, 50, sticky=True), "rule-2": forward(50, 50)}
    balancer.before, balancer.stale = {"rule-1": forward(100, 0), "rule-2": forward(100, 0)}, 9
    assert left(balancer)
    assert balancer.given_back
    assert len(balancer.set) == 2
    assert balancer.tags == {}
    # Another one who looked before, and comes after.
    assert not left(balancer)
    assert len(balancer.set) == 2


@pytest.mark.parametrize("phase", ["serving", "retiring"])
def test_nothing_is_given_back_of_a_release_that_was_promoted(
    balancer: Balancer, fleets: Fleets, phase: str
) -> None:
    fleets.fleets = (fleet(**{t.PHASE: phase}),)
    notes.begin(balancer.aws(), NOTE)
    assert not left(balancer)
    assert (balancer.set, balancer.tags) == ([], {})


@pytest.mark.usefixtures("fleets")
def test_of_another_release_nothing_is_given_back(balancer: Balancer) -> None:
    other = NOTE.model_copy(update={"release": "shop-other"})
    notes.begin(balancer.aws(), other)
    assert not left(balancer)
    assert notes.at(balancer.aws(), BLUE.arn) == [other]
    assert balancer.set == []


def test_whoever_slept_before_giving_back_follows_what_serves_now(
    balancer: Balancer, fleets: Fleets
) -> None:
    """Somebody else has given them back meanwhile, and a newer release was promoted."""
    tags = {t.RELEASE: "shop-new", t.PHASE: "serving", t.PAIR: BLUE.arn}
    now = nouns.fleet("sfr-3", target_groups=(GREEN.arn,), tags=tags)
    notes.begin(balancer.aws(), NOTE)

    def slept() -> bool:
        balancer.tags = {}
        fleets.fleets = (now,)
        return False

    balancer.refuses = slept
    assert left(balancer)
    assert balancer.shares() == [0, 100]


def test_of_a_pair_that_is_gone_there_is_nothing_to_give_back(
    balancer: Balancer, fleets: Fleets
) -> None:
    def no(**_: Any) -> Any:
        raise refused("TargetGroupNotFound", "DescribeTargetGroups")

    fleets.fleets = ()
    notes.begin(balancer.aws(), NOTE)
    balancer.answers["describe_target_groups"] = no
    assert not left(balancer)
    assert balancer.tags == {}


def test_a_note_that_cannot_be_read_is_none() -> None:
    key = f"{t.WEIGHTS}{RELEASE}"
    for value in ("", "website=100", "website=50 website-green=50", "nonsense"):
        assert HandOver.from_tags(BLUE.arn, {key: value}) == []
    assert HandOver.from_tags(BLUE.arn, {key: str(NOTE.before), "team": "web"}) == [NOTE]
