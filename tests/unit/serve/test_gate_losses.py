"""Instances that come and go while the gate waits: interruptions, crashes, flaps."""

import pytest

from spotkiln.serve.gate import Cause, GateOutcome, Verdict
from spotkiln.serve.judge import judge
from spotkiln.serve.observation import Observation
from tests.unit.looks import (
    BY_HAND,
    INTERRUPTED,
    LIMITS,
    OWN_END,
    Healths,
    ended,
    look,
    looks,
)

ALL_UP: Healths = {"i-1": "healthy", "i-2": "healthy"}
WAIT = "waiting: booting"


def verdict(seen: list[Observation], capacity: int = 2) -> Verdict:
    return judge(LIMITS, capacity, seen)


def in_short(seen: list[Observation], capacity: int = 2) -> str:
    found = verdict(seen, capacity)
    return f"{found.outcome}: {found.cause}"


def test_an_interrupted_and_replaced_instance_is_not_a_failure() -> None:
    gone = [ended("i-2", INTERRUPTED)]
    replaced: Healths = {"i-1": "healthy", "i-3": "healthy"}
    seen = [
        look(0, ALL_UP),
        look(5, {"i-1": "healthy"}, ended=gone),
        look(10, {"i-1": "healthy", "i-3": "initial"}, ended=gone),
        look(15, replaced, ended=gone),
        look(20, replaced, ended=gone),
        look(25, replaced, ended=gone),
    ]
    found = verdict(seen[:2])
    assert found.outcome is GateOutcome.WAITING
    assert found.cause is Cause.INTERRUPTED
    assert found.detail == "1 of 2 instances, 1 healthy; interrupted: i-2"
    assert [judge(LIMITS, 2, seen[:n]).outcome for n in range(1, 7)] == [
        *[GateOutcome.WAITING] * 5,
        GateOutcome.HEALTHY,
    ]


def test_an_interruption_after_the_fulfilment_deadline_is_waited_out() -> None:
    """EC2 had launched everything in time: its replacement has the whole time again."""
    gone = [ended("i-2", INTERRUPTED)]
    seen = [look(0), look(590, {"i-1": "initial", "i-2": "initial"})]
    seen += [look(605, {"i-1": "healthy"}, ended=gone)]
    assert in_short(seen) == "waiting: interrupted"
    seen += [look(1190, {"i-1": "healthy"}, ended=gone)]
    assert in_short(seen) == "waiting: interrupted"
    assert in_short([*seen, look(1191, {"i-1": "healthy"}, ended=gone)]) == "failed: capacity"


def test_a_replacement_gets_the_whole_time_to_boot() -> None:
    """Even when EC2 launched it before the other one ended, so that none was ever missing."""
    seen = [
        look(0, {"i-1": "healthy", "i-2": "initial"}),
        look(290, {"i-1": "healthy", "i-2": "initial", "i-3": "initial"}),
        look(299, {"i-1": "healthy", "i-3": "initial"}, ended=[ended("i-2", INTERRUPTED)]),
    ]
    assert in_short([*seen, look(590, {"i-1": "healthy", "i-3": "initial"})]) == WAIT
    assert in_short([*seen, look(591, {"i-1": "healthy", "i-3": "initial"})]) == "failed: booting"


def test_replaced_again_and_again_ends_at_the_ceiling() -> None:
    seen = [
        look(100.0 * n, {f"i-{n}": "initial"}, ended=[ended(f"i-{n - 1}", INTERRUPTED)])
        for n in range(14)
    ]
    assert LIMITS.ceiling == 1220
    assert in_short([*seen[:13], seen[13].model_copy(update={"at": 1220.0})], 1) == WAIT
    found = verdict(seen, 1)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.INTERRUPTED)
    assert found.detail == "0 of 1 healthy after 1300 s: instances were replaced again and again"


def test_a_crash_loop_is_a_failure() -> None:
    allowed = [ended(f"i-{n}", OWN_END) for n in (3, 4)]
    seen = looks(ALL_UP, ALL_UP)
    assert in_short([*seen, look(10, ALL_UP, ended=allowed)]) == "healthy: healthy"
    crashed = [*allowed, ended("i-5", OWN_END)]
    found = verdict([*seen, look(10, ALL_UP, ended=crashed)])
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.CRASHING)
    assert found.detail == (
        "3 instances ended by themselves, 2 are allowed: "
        f"i-3 ({OWN_END}), i-4 ({OWN_END}), i-5 ({OWN_END})"
    )


@pytest.mark.parametrize(
    "reason",
    [
        INTERRUPTED,
        "Server.SpotInstanceShutdown",
        "Server.InsufficientInstanceCapacity",
        "Server.InternalError",
        "Server.ScheduledStop",
    ],
)
def test_what_ec2_ends_is_no_crash(reason: str) -> None:
    gone = [ended(f"i-{n}", reason) for n in range(3, 13)]
    assert in_short([look(5.0 * n, ALL_UP, ended=gone) for n in range(3)]) == "healthy: healthy"


def test_flapping_is_a_failure() -> None:
    up, down = {"i-1": "healthy"}, {"i-1": "unhealthy"}
    seen = looks(up, down, up, down, up, every=3)
    assert in_short(seen, 1) == "waiting: settling"
    found = verdict([*seen, look(15, {"i-1": "unhealthy"})], 1)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.FLAPPING)
    assert found.detail == "i-1 fell from healthy to unhealthy 3 times, 2 are allowed"


def test_flaps_are_counted_by_instance() -> None:
    one_down = {"i-1": "unhealthy", "i-2": "healthy"}
    other_down = {"i-1": "healthy", "i-2": "unhealthy"}
    seen = looks(ALL_UP, one_down, ALL_UP, other_down, ALL_UP, one_down, every=3)
    assert in_short(seen) == WAIT


def test_what_somebody_scaled_in_is_neither_lost_nor_missing() -> None:
    gone = [ended(name, BY_HAND) for name in ("i-3", "i-4", "i-5")]
    seen = [
        look(at, ALL_UP, ended=gone).model_copy(update={"scaled_in": 3}) for at in range(0, 40, 5)
    ]
    assert in_short(seen, 5) == "healthy: healthy"
    # One more than was scaled in, and two that are not replaced: those are a failure's.
    fewer = [one.model_copy(update={"scaled_in": 0}) for one in seen]
    assert in_short(fewer, 5) == "failed: outside"
