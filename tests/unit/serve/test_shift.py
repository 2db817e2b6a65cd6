"""Handing requests over: each change of weights, against rules that are kept here."""

import pytest

from spotkiln.aws.serve import stay
from spotkiln.aws.serve.watching import SignalWatch
from spotkiln.errors import GateFailed, InfrastructureError
from spotkiln.serve.signals import Signal, Word
from spotkiln.serve.stepping import Steer
from tests.unit.clock import FakeClock
from tests.unit.serve.shifting import (
    RELEASE,
    STEPS,
    Balancer,
    balancer,
    fleets,
    forward,
    quiet,
    shift_all,
    steered,
)

__all__ = ["balancer", "fleets", "quiet"]


@pytest.mark.usefixtures("fleets")
def test_each_step_sets_every_rule_and_lasts_for_its_time(balancer: Balancer) -> None:
    clock = FakeClock()
    shift_all(balancer, clock=clock)
    assert balancer.shares() == [10, 50, 100]
    assert len(balancer.set) == 6
    # It stays until the fleet is promoted.
    assert balancer.tags == {f"spotkiln:weights-before/{RELEASE}": "website=100 website-green=0"}
    assert 120 <= clock.now() <= 125


@pytest.mark.usefixtures("fleets")
def test_visitors_are_kept_from_before_the_first_step_until_the_old_servers_go(
    balancer: Balancer,
) -> None:
    clock = FakeClock()
    shift_all(balancer, STEPS.model_copy(update={"sticky_seconds": 90}), clock=clock)
    assert balancer.shares() == [0, 10, 50, 100, 100]
    assert balancer.sticky[::2] == balancer.sticky[1::2] == [90, 90, 90, 15, 0]
    assert 225 <= clock.now() <= 235


@pytest.mark.usefixtures("fleets")
def test_what_aws_tells_too_late_is_nobody_elses_change(balancer: Balancer) -> None:
    balancer.lag = 3
    shift_all(balancer)
    assert balancer.shares() == [10, 50, 100]


@pytest.mark.usefixtures("fleets")
def test_a_change_of_somebody_else_is_not_overwritten_by_a_step(
    balancer: Balancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_hand(*_: object) -> Steer:
        balancer.rules = {"rule-1": forward(100, 0), "rule-2": forward(100, 0)}
        return Steer.RESUME

    monkeypatch.setattr(stay, "steered", by_hand)
    with pytest.raises(InfrastructureError, match="found website=100 website-green=0: somebody"):
        shift_all(balancer)
    assert 50 not in balancer.shares()
    assert balancer.given_back


@pytest.mark.usefixtures("fleets")
@pytest.mark.parametrize(
    ("words", "shares", "seconds", "promoted"),
    [
        # A pause of 200 s: 50 looks.
        ([*[Steer.PAUSE] * 51, Steer.RESUME], [10, 50, 100], (320, 345), [False] * 3),
        ([Steer.RESUME, Steer.PROMOTE], [10, 50, 100], (4, 12), [True] * 3),
        ([Steer.PROMOTE], [10, 50, 100], (0, 5), [True] * 3),
    ],
)
def test_a_person_steers(
    balancer: Balancer,
    monkeypatch: pytest.MonkeyPatch,
    words: list[Steer],
    shares: list[int],
    seconds: tuple[float, float],
    promoted: list[bool],
) -> None:
    steered(monkeypatch, words)
    clock = FakeClock()
    passed = shift_all(balancer, clock=clock)
    assert balancer.shares() == shares
    assert seconds[0] <= clock.now() <= seconds[1]
    # And tells how it went.
    assert [one.percent for one in passed] == shares
    assert [one.promoted for one in passed] == promoted
    assert sum(one.seconds for one in passed) == pytest.approx(clock.now(), abs=5)


@pytest.mark.usefixtures("fleets")
@pytest.mark.parametrize("on", [1.0, 30.5, 119.0, 500.0])
def test_from_a_bad_signal_to_the_old_servers_alone_it_takes_less_than_five_seconds(
    balancer: Balancer, monkeypatch: pytest.MonkeyPatch, on: float
) -> None:
    clock, bad = FakeClock(), Signal(word=Word.BAD, why="alarm a is in ALARM")
    monkeypatch.setattr(SignalWatch, "look", lambda *_, **__: (bad,) if clock.now() >= on else ())
    baking = STEPS.model_copy(update={"bake_seconds": 600})
    with pytest.raises(GateFailed, match="alarm a is in ALARM"):
        shift_all(balancer, baking, clock=clock)
    assert balancer.given_back
    assert clock.now() - on < 5
