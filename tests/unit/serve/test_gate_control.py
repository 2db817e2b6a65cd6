"""What the new servers are compared with: what serves, its zones, and the time a target needs."""

import math
from collections.abc import Sequence

from spotkiln.serve.gate import BLAMES_CAPACITY, BLAMES_IMAGE, Cause, GateOutcome, Verdict
from spotkiln.serve.judge import judge, verdict_within
from spotkiln.serve.observation import Observation
from tests.unit.looks import INTERRUPTED, LIMITS, MISMATCH, OWN_END, Healths, ended, look
from tests.unit.nouns import instance, server

SICK: Healths = {"i-1": ("unhealthy", MISMATCH), "i-2": ("unhealthy", MISMATCH)}
UP: Healths = {"i-1": "healthy", "i-2": "healthy"}
OLD_UP: Healths = {"i-old-1": "healthy", "i-old-2": "healthy"}
OLD_SICK: Healths = {"i-old-1": ("unhealthy", MISMATCH), "i-old-2": ("unhealthy", MISMATCH)}


def of(seen: Sequence[Observation]) -> Verdict:
    return judge(LIMITS, 2, seen)


# The control.


def test_what_serves_is_healthy_so_the_image_is_to_blame() -> None:
    found = of([look(10.0 * n, SICK, serving=OLD_UP) for n in range(7)])
    assert found.cause is Cause.FAILING_CHECK
    assert "Nothing else serves" not in found.advice


def test_what_serves_turned_unhealthy_too_so_nobody_is() -> None:
    """The database is down: both fleets say so, within a minute of each other."""
    seen = [look(10.0 * n, SICK, serving=OLD_UP if n < 4 else OLD_SICK) for n in range(7)]
    found = of(seen)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.OUTSIDE)
    assert found.cause not in BLAMES_IMAGE | BLAMES_CAPACITY
    assert "what serves was unhealthy in the same minutes" in found.detail
    assert MISMATCH in found.detail
    assert "database" in found.advice


def test_it_may_have_been_so_from_the_first_look_on() -> None:
    assert of([look(10.0 * n, SICK, serving=OLD_SICK) for n in range(7)]).cause is Cause.OUTSIDE


def test_it_may_have_recovered_when_the_new_one_is_given_up() -> None:
    seen = [look(10.0 * n, SICK, serving=OLD_SICK if n in {3, 4} else OLD_UP) for n in range(7)]
    assert of(seen).cause is Cause.OUTSIDE


def test_what_was_over_long_before_does_not_excuse() -> None:
    seen = [look(0, UP, serving=OLD_SICK), look(9, UP, serving=OLD_UP)]
    later = [look(100 + 10.0 * n, SICK, serving=OLD_UP) for n in range(7)]
    assert of([*seen, *later]).cause is Cause.FAILING_CHECK


def test_one_of_three_is_that_ones_own_trouble_and_two_are_not() -> None:
    one = {**OLD_UP, "i-old-3": "unhealthy"}
    two = {**OLD_SICK, "i-old-3": "healthy"}
    assert of([look(10.0 * n, SICK, serving=one) for n in range(7)]).cause is Cause.FAILING_CHECK
    assert of([look(10.0 * n, SICK, serving=two) for n in range(7)]).cause is Cause.OUTSIDE


def test_what_is_draining_or_new_tells_nothing() -> None:
    gone: Healths = {"i-x": "draining", "i-y": "initial", "i-z": "unhealthy.draining"}
    found = of([look(10.0 * n, SICK, serving=gone) for n in range(7)])
    assert found.cause is Cause.FAILING_CHECK
    assert "Nothing else serves that this could be compared with" in found.advice


def test_without_a_control_the_verdict_says_so() -> None:
    found = of([look(10.0 * n, SICK) for n in range(7)])
    assert found.cause is Cause.FAILING_CHECK
    assert "Nothing else serves that this could be compared with" in found.advice


def test_crashes_and_flaps_are_compared_as_well() -> None:
    gone = [ended(f"i-{n}", OWN_END) for n in (3, 4, 5)]
    assert of([look(0, UP, serving=OLD_UP, ended=gone)]).cause is Cause.CRASHING
    assert of([look(0, UP, serving=OLD_SICK, ended=gone)]).cause is Cause.OUTSIDE
    up_and_down = [UP, SICK] * 3
    for serving, cause in ((OLD_UP, Cause.FLAPPING), (OLD_SICK, Cause.OUTSIDE)):
        seen = [look(3.0 * n, one, serving=serving) for n, one in enumerate(up_and_down)]
        assert of(seen).cause is cause


def test_a_sick_control_does_not_keep_healthy_servers_from_passing() -> None:
    """The release is what mends it."""
    assert (
        of([look(5.0 * n, UP, serving=OLD_SICK) for n in range(3)]).outcome is GateOutcome.HEALTHY
    )


# Flaps.


def test_an_unhealthy_look_within_the_allowed_flaps_is_not_fatal() -> None:
    """Long after the grace period, which is for booting."""
    fallen: Healths = {**UP, "i-2": ("unhealthy", "Target.Timeout")}
    seen = [look(0, UP), look(200, UP), look(205, fallen)]
    assert of(seen).outcome is GateOutcome.WAITING
    assert verdict_within(LIMITS, 2, seen) == LIMITS.recovery
    again = [look(230, UP), look(235, UP)]
    assert of([*seen, *again]).outcome is GateOutcome.WAITING
    assert of([*seen, *again, look(240, UP)]).outcome is GateOutcome.HEALTHY


def test_without_any_grace_for_booting_a_fall_may_still_be_recovered_from() -> None:
    limits = LIMITS.model_copy(update={"grace": 0, "recovery": 20})
    fallen: Healths = {**UP, "i-2": ("unhealthy", "Target.Timeout")}
    seen = [look(0, UP), look(5, fallen), look(24, fallen)]
    assert judge(limits, 2, seen).outcome is GateOutcome.WAITING
    assert judge(limits, 2, [*seen, look(25, fallen)]).cause is Cause.FAILING_CHECK
    assert judge(limits, 2, [look(0, fallen)]).cause is Cause.FAILING_CHECK


def test_who_does_not_recover_fails_nevertheless() -> None:
    fallen: Healths = {**UP, "i-2": ("unhealthy", "Target.Timeout")}
    seen = [look(0, UP), look(205, fallen), look(264, fallen)]
    assert of(seen).outcome is GateOutcome.WAITING
    found = of([*seen, look(265, fallen)])
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.FAILING_CHECK)
    assert found.detail.endswith("after 60 s, 60 s of being unhealthy")


def test_a_fall_when_the_health_deadline_is_over_may_be_recovered_from() -> None:
    fallen: Healths = {**UP, "i-2": ("unhealthy", "Target.Timeout")}
    seen = [look(0, {"i-1": "initial", "i-2": "initial"}), look(299, UP), look(302, fallen)]
    assert of(seen).outcome is GateOutcome.WAITING
    assert of([*seen, look(310, UP), look(320, UP)]).outcome is GateOutcome.HEALTHY


def test_two_that_take_turns_end_at_the_ceiling_as_flapping() -> None:
    limits = LIMITS.model_copy(update={"flaps": 100})
    halves: list[Healths] = [{**UP, "i-1": "unhealthy"}, {**UP, "i-2": "unhealthy"}]
    seen = [look(9.0 * n, halves[n % 2]) for n in range(136)]
    assert judge(limits, 2, seen).outcome is GateOutcome.WAITING
    found = judge(limits, 2, [*seen, look(1224, halves[0])])
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.FLAPPING)


# Slow start.


def test_a_slow_start_is_waited_out_beside_what_serves() -> None:
    limits = LIMITS.model_copy(update={"slow_start": 30})
    seen = [look(5.0 * n, UP, serving=OLD_UP) for n in range(6)]
    assert judge(limits, 2, seen).outcome is GateOutcome.WAITING
    assert verdict_within(limits, 2, seen) == 5
    assert judge(limits, 2, [*seen, look(30, UP, serving=OLD_UP)]).outcome is GateOutcome.HEALTHY


def test_the_first_targets_of_a_group_do_not_start_slowly() -> None:
    limits = LIMITS.model_copy(update={"slow_start": 30})
    assert judge(limits, 2, [look(5.0 * n, UP) for n in range(3)]).outcome is GateOutcome.HEALTHY


# Zones.


def in_zones(
    at: float, new: dict[str, tuple[str, str]], old: dict[str, tuple[str, str]]
) -> Observation:
    """Health and zone of each."""
    seen = look(at, {name: health for name, (health, _) in new.items()})
    return seen.model_copy(
        update={
            "instances": tuple(instance(name, zone=zone) for name, (_, zone) in new.items()),
            "control": tuple(
                server(name, health=health, zone=zone) for name, (health, zone) in old.items()
            ),
        }
    )


ZONED = LIMITS.model_copy(update={"every_zone": True})
OLD = {"i-old-1": ("healthy", "a"), "i-old-2": ("healthy", "b")}


def test_no_zone_that_serves_is_left_without_a_healthy_server() -> None:
    new = {"i-1": ("healthy", "a"), "i-2": ("healthy", "a")}
    seen = [in_zones(5.0 * n, new, OLD) for n in range(3)]
    assert judge(LIMITS, 2, seen).outcome is GateOutcome.HEALTHY
    found = judge(ZONED, 2, seen)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.MISCONFIGURED)
    assert "no new server is in b, where something serves now" in found.detail
    assert "cross-zone" in found.advice


def test_a_server_in_every_zone_that_serves_passes() -> None:
    new = {"i-1": ("healthy", "a"), "i-2": ("healthy", "b"), "i-3": ("initial", "c")}
    seen = [in_zones(5.0 * n, new, OLD) for n in range(3)]
    assert judge(ZONED, 2, seen).outcome is GateOutcome.HEALTHY


def test_a_zones_only_server_is_waited_for_beyond_the_capacity() -> None:
    new = {"i-1": ("healthy", "a"), "i-2": ("healthy", "a"), "i-3": ("initial", "b")}
    found = judge(ZONED, 2, [in_zones(5.0 * n, new, OLD) for n in range(3)])
    assert (found.outcome, found.cause) == (GateOutcome.WAITING, Cause.SETTLING)
    assert found.detail == "all 2 healthy, but in b not yet"


def test_a_zone_whose_servers_are_unhealthy_is_not_held_to_it() -> None:
    new = {"i-1": ("healthy", "a"), "i-2": ("healthy", "a")}
    old = {**OLD, "i-old-2": ("unhealthy", "b")}
    seen = [in_zones(5.0 * n, new, old) for n in range(3)]
    assert judge(ZONED, 2, seen).outcome is GateOutcome.HEALTHY


def test_one_that_was_healthy_has_its_own_time_and_is_told_so() -> None:
    limits = LIMITS.model_copy(update={"grace": 60, "recovery": 20})
    up: Healths = {"i-1": "healthy", "i-2": "healthy"}
    fallen: Healths = {"i-1": ("unhealthy", MISMATCH), "i-2": "healthy"}
    found = judge(limits, 2, [look(0, up), look(5, fallen), look(26, fallen)])
    assert found.detail.endswith("after 21 s, 20 s of being unhealthy")
    new = judge(limits, 2, [look(0, fallen), look(61, fallen)])
    assert new.detail.endswith("after 61 s, 60 s of grace")


def test_what_is_waited_for_is_counted() -> None:
    some: Healths = {"i-1": "initial", "i-2": "healthy", "i-3": "initial"}
    taken = [ended("i-8", INTERRUPTED), ended("i-9", INTERRUPTED)]
    assert judge(LIMITS, 4, [look(0)]).detail == "0 of 4 instances"
    found = judge(LIMITS, 4, [look(0, some, ended=taken)])
    assert found.detail == "3 of 4 instances, 1 healthy, 2 initial; interrupted: i-8, i-9"


def test_each_way_to_fail_a_check_has_its_own_advice() -> None:
    def advice(reason: str) -> str:
        sick: Healths = {"i-1": ("unhealthy", reason)}
        return judge(LIMITS, 1, [look(0, sick), look(400, sick)]).advice

    reasons = (MISMATCH, "Target.Timeout", "Target.FailedHealthChecks")
    found = {advice(reason).partition(" Nothing else serves")[0] for reason in reasons}
    assert len(found) == 3
    for word in ("health path", "security group", "port"):
        assert any(word in one for one in found)
    assert advice("Target.SomethingNew").startswith("See the evidence.")


def test_a_zone_that_is_waited_for_brings_no_verdict_nearer() -> None:
    """Nothing is due while its server boots: the gate need not look each second."""
    new = {"i-1": ("healthy", "a"), "i-2": ("healthy", "a"), "i-3": ("initial", "b")}
    seen = [in_zones(5.0 * n, new, OLD) for n in range(3)]
    assert verdict_within(ZONED, 2, seen) == math.inf
    there = in_zones(15.0, {**new, "i-3": ("healthy", "b")}, OLD)
    assert verdict_within(ZONED, 2, [*seen, there]) == 0
