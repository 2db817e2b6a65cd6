"""Traffic in steps: what is asked for, and what to do next."""

from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.errors import InputError
from spotkiln.serve import stepping
from spotkiln.serve.signals import Signal, Word
from spotkiln.serve.step import Step, step_of
from spotkiln.serve.stepping import Decision, Do, Steer
from spotkiln.serve.traffic import Traffic
from spotkiln.serve.weights import Weights

THREE = Traffic(steps=("10 % for 5 min", "50 % for 30 s", "100 %"), bake_seconds=600)
BAD = Signal(word=Word.BAD, why="alarm a is in ALARM")
UNKNOWN = Signal(word=Word.UNKNOWN, why="3 of 100 requests to compare errors")
GOOD = Signal(word=Word.GOOD)


def decide(
    traffic: Traffic,
    at: int,
    lasted: float,
    signals: tuple[Signal, ...],
    steer: Steer = Steer.RESUME,
) -> Decision:
    return stepping.decide(traffic.plan(), at, lasted, signals, steer, strict=traffic.strict)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("10 % for 5 min", Step(percent=10, seconds=300)),
        ("50% for 1 h", Step(percent=50, seconds=3600)),
        ("1 % for 90 s", Step(percent=1, seconds=90)),
        ("100 %", Step(percent=100, seconds=0)),
    ],
)
def test_a_step_is_read(text: str, step: Step) -> None:
    assert step_of(text) == step


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"steps": ("10 percent", "100 %")}, "expected a step such as"),
        ({"steps": ("0 % for 1 min", "100 %")}, "expected a step such as"),
        ({"steps": ("101 %",)}, "expected a step such as"),
        ({"steps": ("10 % for 5 min",)}, "expected 100 % without a time as the last step"),
        ({"steps": ("100 % for 5 min",)}, "expected 100 % without a time as the last step"),
        ({"steps": ("50 % for 1 s", "10 % for 1 s", "100 %")}, "more than the one before"),
        ({"steps": ()}, "at least 1"),
        ({"stepps": ("100 %",)}, "Extra inputs"),
    ],
)
def test_steps_that_cannot_be(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Traffic.model_validate(asked)


def test_the_last_step_lasts_for_the_bake_time() -> None:
    assert THREE.plan() == (
        Step(percent=10, seconds=300),
        Step(percent=50, seconds=30),
        Step(percent=100, seconds=600),
    )


def test_visitors_get_cookies_before_the_weights_change_and_are_let_go_page_by_page() -> None:
    sticky = THREE.model_copy(update={"sticky_seconds": 900})
    assert sticky.plan() == (
        Step(percent=0, seconds=15, sticky=900),
        Step(percent=10, seconds=300, sticky=900),
        Step(percent=50, seconds=30, sticky=900),
        # Until the last cookie of the old servers is over.
        Step(percent=100, seconds=900, sticky=15),
    )
    assert sticky.model_copy(update={"bake_seconds": 1000}).plan()[-1].seconds == 1000
    assert [one.sticky for one in sticky.at_once().plan()] == [0]


def test_nothing_can_be_told_of_servers_without_requests() -> None:
    strict = THREE.model_copy(update={"sticky_seconds": 900, "too_few": "go back"})
    assert decide(strict, 0, 15, (UNKNOWN,)) == Decision(do=Do.NEXT)
    assert decide(strict, 1, 600, (UNKNOWN,)).do is Do.BACK


def test_a_promotion_leaves_visitors_the_time_for_their_page() -> None:
    sticky = THREE.model_copy(update={"sticky_seconds": 900})
    assert decide(sticky, 1, 0, (GOOD,), Steer.PROMOTE) == Decision(do=Do.NEXT)
    assert decide(sticky, 3, 5, (GOOD,), Steer.PROMOTE) == Decision(do=Do.STAY, within=10)
    assert decide(sticky, 3, 15, (GOOD,), Steer.PROMOTE) == Decision(do=Do.DONE)


@pytest.mark.parametrize(
    ("at", "lasted", "signals", "expected"),
    [
        (0, 0, (GOOD,), Decision(do=Do.STAY, within=300)),
        (0, 299, (GOOD, GOOD), Decision(do=Do.STAY, within=1)),
        (0, 300, (GOOD,), Decision(do=Do.NEXT)),
        (0, 300, (), Decision(do=Do.NEXT)),
        (0, 1, (GOOD, BAD), Decision(do=Do.BACK, why=BAD.why)),
        (1, 30, (UNKNOWN,), Decision(do=Do.STAY, why=UNKNOWN.why, within=30)),
        (1, 60, (UNKNOWN,), Decision(do=Do.NEXT)),
        (1, 60, (UNKNOWN, BAD), Decision(do=Do.BACK, why=BAD.why)),
        (2, 599, (GOOD,), Decision(do=Do.STAY, within=1)),
        (2, 600, (BAD,), Decision(do=Do.BACK, why=BAD.why)),
        (2, 600, (GOOD,), Decision(do=Do.DONE)),
        (2, 1200, (UNKNOWN,), Decision(do=Do.DONE)),
    ],
)
def test_what_to_do_next(
    at: int, lasted: float, signals: tuple[Signal, ...], expected: Decision
) -> None:
    assert decide(THREE, at, lasted, signals) == expected


@pytest.mark.parametrize(
    ("steer", "at", "lasted", "signals", "expected"),
    [
        (Steer.ABORT, 0, 0, (GOOD,), Decision(do=Do.BACK, why="a person said abort")),
        (Steer.PROMOTE, 0, 0, (UNKNOWN,), Decision(do=Do.NEXT)),
        (Steer.PROMOTE, 2, 0, (GOOD,), Decision(do=Do.DONE)),
        (Steer.PROMOTE, 1, 0, (BAD,), Decision(do=Do.BACK, why=BAD.why)),
        (Steer.PAUSE, 1, 9999, (BAD,), Decision(do=Do.BACK, why=BAD.why)),
        (Steer.RESUME, 0, 300, (GOOD,), Decision(do=Do.NEXT)),
    ],
)
def test_a_person_may_steer(
    steer: Steer, at: int, lasted: float, signals: tuple[Signal, ...], expected: Decision
) -> None:
    assert decide(THREE, at, lasted, signals, steer) == expected


def test_a_pause_has_no_end_of_its_own() -> None:
    for at in range(3):
        found = decide(THREE, at, 99999, (UNKNOWN,), Steer.PAUSE)
        assert (found.do, found.within) == (Do.STAY, 0)
        assert "paused by a person" in found.why


def test_a_check_that_is_under_way_is_waited_for_and_nothing_else_is() -> None:
    runs = Signal(word=Word.UNDER_WAY, why="the check is under way")
    stay = Decision(do=Do.STAY, why=runs.why)
    assert decide(THREE, 1, 10, (GOOD, runs)) == Decision(do=Do.STAY, within=20)
    assert decide(THREE, 1, 30, (GOOD, runs)) == stay
    assert decide(THREE, 1, 9999, (UNKNOWN, runs)) == stay
    assert decide(THREE, 1, 30, (runs, BAD)).do is Do.BACK
    assert decide(THREE, 1, 0, (runs,), Steer.ABORT).do is Do.BACK
    # A promotion skips the other steps, and waits before its end.
    assert decide(THREE, 1, 0, (runs,), Steer.PROMOTE).do is Do.NEXT
    assert decide(THREE, 2, 0, (runs,), Steer.PROMOTE) == stay


def test_too_few_requests_may_bring_it_back() -> None:
    strict = THREE.model_copy(update={"too_few": "go back"})
    assert decide(strict, 1, 60, (UNKNOWN,)) == Decision(do=Do.BACK, why=UNKNOWN.why)
    assert decide(strict, 1, 59, (UNKNOWN,)).do is Do.STAY
    # A rollback has no time in which there could be any.
    assert decide(strict.at_once(), 0, 0, (UNKNOWN,)) == Decision(do=Do.DONE)


def test_a_rollback_is_not_watched() -> None:
    asked = Traffic(steps=("10 % for 1 min", "100 %"), alarms=("a",))
    assert asked.watched
    assert asked.at_once().plan() == (Step(percent=100, seconds=0),)
    assert not asked.at_once().watched


def test_weights_are_what_a_tag_says() -> None:
    weights = Weights(of={"website-green": 0, "website-blue": 100})
    assert str(weights) == "website-blue=100 website-green=0"
    assert Weights.from_tag(str(weights)) == weights
    assert Weights.from_tag("") is None
    assert weights.active == "website-blue"
    assert weights.shifted("website-green", 10).of == {"website-green": 10, "website-blue": 90}
    assert weights.to("website-green").of == {"website-green": 100, "website-blue": 0}


@pytest.mark.parametrize("of", [{"a": 1, "b": 1}, {"a": 0, "b": 0}])
def test_one_group_must_have_all_requests(of: dict[str, int]) -> None:
    with pytest.raises(InputError, match="expected all requests to go to one target group"):
        _ = Weights(of=of).active
