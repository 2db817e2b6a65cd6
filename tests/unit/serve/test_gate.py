"""The gate's truth table: every cause, and what must not be one."""

import math

import pytest
from pydantic import ValidationError

from spotkiln.serve.gate import (
    BLAMES_CAPACITY,
    BLAMES_IMAGE,
    Cause,
    GateOutcome,
    GatePolicy,
    Limits,
    Verdict,
    limits,
)
from spotkiln.serve.judge import judge, verdict_within
from spotkiln.serve.observation import Observation
from tests.unit.looks import (
    INTERRUPTED,
    LIMITS,
    MISMATCH,
    Healths,
    ended,
    look,
    looks,
)
from tests.unit.nouns import health_check, target_group

ALL_UP: Healths = {"i-1": "healthy", "i-2": "healthy"}


def verdict(seen: list[Observation], capacity: int = 2, limits: Limits = LIMITS) -> Verdict:
    return judge(limits, capacity, seen)


def in_short(seen: list[Observation], capacity: int = 2, limits: Limits = LIMITS) -> str:
    found = verdict(seen, capacity, limits)
    return f"{found.outcome}: {found.cause}"


# What is derived.


def test_limits_are_derived_from_the_target_group() -> None:
    check = health_check(interval=30, healthy_threshold=5, unhealthy_threshold=2)
    assert limits(GatePolicy(), target_group(health_check=check)) == Limits(
        polls=2,
        settle=60,
        fulfilment=600,
        grace=180,
        recovery=210,
        health=180 + 7 * 30 + 60,
        losses=2,
        flaps=2,
    )


def test_the_grace_follows_the_applications_own_start_limit() -> None:
    slow = GatePolicy().for_start(300)
    assert limits(slow, target_group()).grace == 30 + 300 + 2 * 5
    assert limits(GatePolicy(boot_seconds=5).for_start(300), target_group()).grace == 5 + 2 * 5


def test_given_seconds_are_taken_as_given() -> None:
    policy = GatePolicy(grace_seconds=0, health_seconds=7, fulfilment_seconds=9, polls=1)
    found = limits(policy, target_group())
    assert (found.grace, found.health, found.fulfilment, found.polls) == (0, 7, 9, 1)


def test_a_given_grace_moves_the_derived_deadline() -> None:
    assert limits(GatePolicy(grace_seconds=10), target_group()).health == 10 + 4 * 5 + 60


def test_the_ceiling_leaves_room_for_the_health_checks_and_for_a_slow_start() -> None:
    assert LIMITS.ceiling == 600 + 2 * (300 + 10)
    assert LIMITS.model_copy(update={"settle": 500}).ceiling == 600 + 2 * (300 + 500)
    assert LIMITS.model_copy(update={"slow_start": 900}).ceiling == 600 + 2 * (300 + 900)


@pytest.mark.parametrize(
    "bad", [{"polls": 0}, {"losses": -1}, {"fulfilment_seconds": 0}, {"patience": 3}]
)
def test_a_policy_out_of_bounds_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        GatePolicy.model_validate(bad)


# The way to healthy.


def test_healthy_after_n_health_checks_in_a_row() -> None:
    assert verdict(looks(ALL_UP, ALL_UP, ALL_UP)) == Verdict(
        outcome=GateOutcome.HEALTHY,
        cause=Cause.HEALTHY,
        detail="2 of 2 healthy for 10 s: 2 health checks in a row, or more",
    )


def test_a_moment_less_is_not_enough() -> None:
    assert verdict([*looks(ALL_UP, ALL_UP), look(9.9, ALL_UP)]) == Verdict(
        outcome=GateOutcome.WAITING,
        cause=Cause.SETTLING,
        detail="all 2 healthy, not yet for long enough",
    )


def test_a_look_that_was_not_healthy_starts_the_count_again() -> None:
    down: Healths = {"i-1": "healthy", "i-2": "unhealthy"}
    seen = looks(ALL_UP, ALL_UP, down, ALL_UP, ALL_UP)
    assert in_short(seen) == "waiting: settling"
    assert in_short([*seen, look(25, ALL_UP)]) == "healthy: healthy"


def test_the_same_instances_must_be_healthy_all_along() -> None:
    seen = looks(
        {"i-1": "healthy", "i-2": "healthy"},
        {"i-1": "healthy", "i-3": "healthy"},
        {"i-1": "healthy", "i-3": "healthy"},
    )
    assert in_short(seen) == "waiting: settling"


def test_more_than_the_capacity_is_healthy_too() -> None:
    three: Healths = {**ALL_UP, "i-3": "initial"}
    assert in_short(looks(three, three, three)) == "healthy: healthy"


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_nothing_never_passes(capacity: int) -> None:
    """No instance, or no target, is no proof: not even with one poll and a capacity of nothing."""
    one_poll = LIMITS.model_copy(update={"polls": 1, "settle": 0})
    assert verdict([look(0)] * 3, capacity, one_poll).outcome is GateOutcome.WAITING
    bare = look(0, {"i-1": "healthy", "i-2": "healthy"}).model_copy(update={"targets": ()})
    assert verdict([bare] * 3, capacity, one_poll).outcome is GateOutcome.WAITING


# The load balancer's states and reasons. `early` is within the grace period, `late` after it,
# and `never` when the health deadline is over.

WAIT = "waiting: booting"
TABLE = [
    # health, reason, early, late, never
    ("initial", "Elb.RegistrationInProgress", WAIT, WAIT, "failed: booting"),
    ("initial", "Elb.InitialHealthChecking", WAIT, WAIT, "failed: booting"),
    ("unhealthy", "Target.ResponseCodeMismatch", WAIT, *["failed: failing check"] * 2),
    ("unhealthy", "Target.Timeout", WAIT, *["failed: failing check"] * 2),
    ("unhealthy", "Target.FailedHealthChecks", WAIT, *["failed: failing check"] * 2),
    ("unhealthy", "Elb.InternalError", WAIT, *["failed: misconfigured"] * 2),
    ("unused", "Target.NotRegistered", WAIT, WAIT, "failed: misconfigured"),
    ("unregistered", "", WAIT, WAIT, "failed: misconfigured"),
    ("unused", "Target.NotInUse", *["failed: misconfigured"] * 3),
    ("unused", "Target.IpUnusable", *["failed: misconfigured"] * 3),
    # EC2 says that it runs, the load balancer that it does not: one of them is late.
    ("unused", "Target.InvalidState", WAIT, WAIT, "failed: misconfigured"),
    ("draining", "Target.DeregistrationInProgress", WAIT, WAIT, "failed: misconfigured"),
    ("unhealthy.draining", "Target.DeregistrationInProgress", WAIT, WAIT, "failed: misconfigured"),
    ("unavailable", "Target.HealthCheckDisabled", *["failed: misconfigured"] * 3),
    ("unavailable", "Elb.InternalError", WAIT, WAIT, "failed: misconfigured"),
]


@pytest.mark.parametrize(("health", "reason", "early", "late", "never"), TABLE)
def test_target_health(health: str, reason: str, early: str, late: str, never: str) -> None:
    bad: Healths = {"i-1": "healthy", "i-2": (health, reason)}
    assert in_short(looks(bad, bad, every=30)) == early
    assert in_short(looks(bad, bad, bad, bad, every=30)) == late
    assert in_short(looks(*[bad] * 12, every=30)) == never


@pytest.mark.parametrize(
    "reason", ["Target.NotInUse", "Target.IpUnusable", "Target.HealthCheckDisabled"]
)
def test_what_waiting_does_not_mend_fails_at_the_second_look(reason: str) -> None:
    once = look(5, {"i-1": ("unused", reason)})
    assert in_short([look(0, {"i-1": "initial"}), once], 1) == WAIT
    assert in_short([once, look(10, {"i-2": ("unused", reason)})], 1) == WAIT
    found = verdict([once, look(10, {"i-1": ("unused", reason)})], 1)
    assert found.cause is Cause.MISCONFIGURED
    assert reason in found.detail
    assert found.advice == "Mend the load balancer, release again."


def test_a_failing_check_names_instance_code_and_what_to_do() -> None:
    bad = look(0, {"i-1": ("unhealthy", MISMATCH)})
    assert in_short([bad, bad.model_copy(update={"at": 59.0})], 1) == WAIT
    found = verdict([bad, bad.model_copy(update={"at": 61.0})], 1)
    assert found.detail == "i-1 unhealthy (Target.ResponseCodeMismatch) after 61 s, 60 s of grace"
    assert found.advice.startswith("The application answers, but with the wrong code")
    assert str(found) == f"failing check: {found.detail}. {found.advice}"


def test_grace_is_each_instances_own() -> None:
    """One that replaced another late gets its own time to boot."""
    sick = ("unhealthy", MISMATCH)
    seen = [
        look(0, ALL_UP),
        look(100, {"i-1": "healthy"}, ended=[ended("i-2", INTERRUPTED)]),
        look(110, {"i-1": "healthy", "i-3": sick}),
        look(165, {"i-1": "healthy", "i-3": sick}),
    ]
    assert in_short(seen) == WAIT
    assert in_short([*seen, look(171, {"i-1": "healthy", "i-3": sick})]) == "failed: failing check"
    assert verdict_within(LIMITS, 2, seen) == 5
    assert verdict_within(LIMITS, 2, [look(0), look(5, {"i-1": "healthy"})]) == math.inf


# Fleets.


@pytest.mark.parametrize("state", ["cancelled", "cancelled_running", "cancelled_terminating"])
def test_a_fleet_that_was_cancelled_speaks_for_itself_and_is_not_replaced(state: str) -> None:
    """Somebody wanted it gone: no other fleet is asked for, and no image is to blame."""
    found = verdict([look(0, ALL_UP, state=state, errors=("launchSpecUnusable: dear",))] * 3)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.CANCELLED)
    assert (
        found.detail == f"the fleet is {state}, and not by this release: launchSpecUnusable: dear"
    )
    assert found.cause not in BLAMES_CAPACITY | BLAMES_IMAGE
    assert "cancelled" in found.advice


def test_a_fleet_that_failed_fails_with_the_reasons_of_its_history() -> None:
    found = verdict([look(0, ALL_UP, state="failed", errors=("launchSpecUnusable: dear",))] * 3)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.CAPACITY)
    assert found.detail == "the fleet is failed: launchSpecUnusable: dear"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("iamFleetRoleInvalid", Cause.MISCONFIGURED),
        ("spotFleetRequestConfigurationInvalid", Cause.MISCONFIGURED),
        ("spotInstanceCountLimitExceeded", Cause.CAPACITY),
    ],
)
def test_a_fleet_that_can_launch_nothing_is_not_waited_for(error: str, cause: Cause) -> None:
    found = verdict([look(0), look(5, errors=(f"{error}: no",))])
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, cause)
    assert f"{error}: no" in found.detail
    assert found.advice


def test_a_pool_that_is_short_for_a_while_is_waited_for() -> None:
    seen = [look(0), look(5, errors=("allLaunchSpecsTemporarilyBlacklisted: all of them",))]
    assert in_short(seen) == "waiting: capacity"


@pytest.mark.parametrize("state", ["submitted", "active", "modifying"])
def test_a_living_fleet_is_waited_for(state: str) -> None:
    assert in_short([look(0, state=state)]) == "waiting: capacity"


# Capacity.


def test_capacity_is_waited_for_until_its_deadline() -> None:
    short = look(600, {"i-1": "healthy"}, errors=("launchSpecUnusable: too dear",))
    found = verdict([look(0), short])
    assert (found.outcome, found.cause) == (GateOutcome.WAITING, Cause.CAPACITY)
    assert found.detail == "1 of 2 instances, 1 healthy; launchSpecUnusable: too dear"
    late = verdict([look(0), short.model_copy(update={"at": 601.0})])
    assert (late.outcome, late.cause) == (GateOutcome.FAILED, Cause.CAPACITY)
    assert late.detail == "1 of 2 instances after 601 s: launchSpecUnusable: too dear"
    assert "on_demand_fallback" in late.advice


def test_without_any_instance_capacity_ends_it_too() -> None:
    assert in_short([look(0), look(601)]) == "failed: capacity"
    assert in_short([look(601)]) == "failed: capacity"


def test_health_has_its_own_deadline_from_fulfilment_on() -> None:
    booting: Healths = {"i-1": "initial", "i-2": "initial"}
    seen = [look(0), look(590, booting)]
    assert in_short([*seen, look(890, booting)]) == WAIT
    found = verdict([*seen, look(891, booting)])
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.BOOTING)
    assert found.detail == "0 of 2 healthy 301 s after launch: i-1 initial, i-2 initial"


def test_healthy_at_the_last_moment_may_settle() -> None:
    booting: Healths = {"i-1": "healthy", "i-2": "initial"}
    seen = [look(0, booting), look(299, ALL_UP), look(301, ALL_UP)]
    assert in_short(seen) == "waiting: settling"
    assert in_short([*seen, look(309, ALL_UP)]) == "healthy: healthy"
    assert in_short([*seen, look(302, booting)]) == "failed: booting"


def test_the_failing_check_is_told_before_what_merely_waits() -> None:
    late = LIMITS.model_copy(update={"grace": 900})
    bad: Healths = {
        "i-1": "initial",
        "i-2": "unregistered",
        "i-3": ("unhealthy", "Target.Timeout"),
    }
    found = verdict([look(0, bad), look(301, bad)], 3, late)
    assert found.cause is Cause.FAILING_CHECK
    assert found.advice.startswith("It does not answer in time")


def test_one_that_never_answered_may_have_started_slowly() -> None:
    """The line to change; one that was healthy before has started."""
    for reason in ("Target.Timeout", "Target.FailedHealthChecks"):
        bad: Healths = {"i-1": ("unhealthy", reason), "i-2": "healthy"}
        never = verdict([look(0, bad), look(1000, bad)])
        assert never.cause is Cause.FAILING_CHECK
        assert "still starting" in never.advice
        assert "`start_seconds` in spotkiln.yaml" in never.advice
        fallen = verdict([look(0, ALL_UP), look(1, bad), look(1000, bad)])
        assert fallen.cause is Cause.FAILING_CHECK
        assert "start_seconds" not in fallen.advice


def test_instances_that_nobody_registers_do_not_speak_against_the_image() -> None:
    lost: Healths = {"i-1": "unregistered", "i-2": "unregistered"}
    error = "registerWithLoadBalancersFailed: not authorized"
    found = verdict([look(0, lost), look(301, lost, errors=(error,))])
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.MISCONFIGURED)
    assert error in found.detail
    assert "may the fleet's role register targets" in found.advice


def test_who_is_to_blame() -> None:
    """Decides whether an image is thrown away: it must not go for what EC2 or the load balancer
    did."""
    assert {Cause.FAILING_CHECK, Cause.FLAPPING, Cause.CRASHING} == BLAMES_IMAGE
    assert {Cause.CAPACITY, Cause.INTERRUPTED} == BLAMES_CAPACITY


def test_how_far_a_fleet_is() -> None:
    """Only a verdict says that all is done: those that are healthy must stay so for a while."""
    half = look(1, {"i-1": "healthy", "i-2": "initial"})
    assert half.percent(2) == pytest.approx(100 * 4 / 6)
    assert look(1, ALL_UP).percent(2) == 95
    assert look(1, {}).percent(2) == 0
