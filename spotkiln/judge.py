"""The gate's verdict on a new fleet: a pure function of what was observed."""

import itertools
import math
from collections.abc import Sequence

from spotkiln.gate import Cause, Limits, Observation, Outcome, Verdict
from spotkiln.target import Health, Target

# Reasons that no waiting mends.
MISCONFIGURED = {
    "Target.NotInUse": "the target's zone is not enabled for the load balancer, or no rule "
    "forwards to the target group",
    "Target.IpUnusable": "the target's address cannot be used by the load balancer",
    "Target.HealthCheckDisabled": "the target group's health checks are disabled",
}

# Errors of a fleet's history after which it launches nothing, however long one waits. One whose
# launch specifications are only blacklisted for a while goes on by itself.
BLOCKS = {
    "iamFleetRoleInvalid": (
        Cause.MISCONFIGURED,
        "Mend the fleet's role: docs/aws.md says what it must trust and hold.",
    ),
    "spotFleetRequestConfigurationInvalid": (
        Cause.MISCONFIGURED,
        "EC2 does not take what was asked for: see the fleet's history in the evidence.",
    ),
    "spotInstanceCountLimitExceeded": (
        Cause.CAPACITY,
        "Ask AWS for a higher quota of Spot instances, or set on_demand_fallback.",
    ),
}


def judge(limits: Limits, capacity: int, seen: Sequence[Observation]) -> Verdict:
    """Whether the fleet is proved, by everything seen so far, oldest first.

    Only the new fleet's instances are in the observations: other fleets are never judged.
    """
    now = seen[-1]
    return (
        _refused(now)
        or _blocked(now)
        or _misconfigured(seen)
        or _crashing(limits, now)
        or _flapping(limits, seen)
        or _unhealthy(limits, seen)
        or _proved(limits, capacity, seen)
        or _late(limits, capacity, seen)
        or _waiting(capacity, seen)
    )


def _failed(cause: Cause, detail: str, advice: str) -> Verdict:
    return Verdict(outcome=Outcome.FAILED, cause=cause, detail=detail, advice=advice)


def _refused(now: Observation) -> Verdict | None:
    if now.fleet_state in {"submitted", "active", "modifying"}:
        return None
    reasons = "; ".join(now.errors) or "no error in its history"
    return _failed(
        Cause.CAPACITY,
        f"the fleet is {now.fleet_state}: {reasons}",
        "See the fleet's history in the evidence; was it cancelled by somebody else?",
    )


def _blocked(now: Observation) -> Verdict | None:
    for error in now.errors:
        cause, advice = BLOCKS.get(error.split(":")[0], (None, ""))
        if cause:
            return _failed(cause, f"the fleet launches nothing: {error}", advice)
    return None


def _misconfigured(seen: Sequence[Observation]) -> Verdict | None:
    # Twice in a row: a zone is being enabled, or a rule made, within seconds of the first look.
    if len(seen) < 2:
        return None
    before = {(x.instance, x.reason) for x in seen[-2].targets}
    for target in seen[-1].targets:
        why = MISCONFIGURED.get(target.reason)
        if why and (target.instance, target.reason) in before:
            return _failed(
                Cause.MISCONFIGURED, f"{target}: {why}", "Mend the load balancer, release again."
            )
    return None


def _crashing(limits: Limits, now: Observation) -> Verdict | None:
    # Reasons that begin with `Server.` are EC2's own: interrupted, no capacity, failed hardware.
    lost = [
        x for x in now.instances if not x.live and x.lost_by and not x.lost_by.startswith("Server.")
    ]
    if len(lost) <= limits.losses:
        return None
    listed = ", ".join(f"{x.id} ({x.lost_by})" for x in lost)
    return _failed(
        Cause.CRASHING,
        f"{len(lost)} instances ended by themselves, {limits.losses} are allowed: {listed}",
        "See their console output in the evidence.",
    )


def _flapping(limits: Limits, seen: Sequence[Observation]) -> Verdict | None:
    falls: dict[str, int] = {}
    for before, after in itertools.pairwise(seen):
        for target in after.targets:
            if target.health is Health.UNHEALTHY and target.instance in before.healthy:
                falls[target.instance] = falls.get(target.instance, 0) + 1
    worst = max(falls, key=lambda name: falls[name], default=None)
    if worst is None or falls[worst] <= limits.flaps:
        return None
    return _failed(
        Cause.FLAPPING,
        f"{worst} fell from healthy to unhealthy {falls[worst]} times, {limits.flaps} are allowed",
        "It answers, then it does not: see its console output for restarts.",
    )


def _first_seen(seen: Sequence[Observation]) -> dict[str, float]:
    first: dict[str, float] = {}
    for look in seen:
        for target in look.targets:
            first.setdefault(target.instance, look.at)
    return first


def _unhealthy(limits: Limits, seen: Sequence[Observation]) -> Verdict | None:
    now = seen[-1]
    first = _first_seen(seen)
    for target in now.targets:
        age = now.at - first[target.instance]
        if target.health is Health.UNHEALTHY and age >= limits.grace:
            return _failed(
                _cause_of(target),
                f"{target} after {age:.0f} s, {limits.grace:.0f} s of grace",
                advice_for(target),
            )
    return None


def grace_left(limits: Limits, seen: Sequence[Observation]) -> float:
    """How many seconds more a target that is unhealthy now is borne with; infinite if none is."""
    now, first = seen[-1], _first_seen(seen)
    bad = (x for x in now.targets if x.health is Health.UNHEALTHY)
    return min((limits.grace - now.at + first[x.instance] for x in bad), default=math.inf)


def _cause_of(target: Target) -> Cause:
    """Who is to blame for a target that is not healthy: only an application that was asked and
    failed to answer speaks against its image."""
    if target.health is Health.UNHEALTHY and not target.reason.startswith("Elb."):
        return Cause.FAILING_CHECK
    if target.health is Health.INITIAL:
        return Cause.BOOTING
    return Cause.MISCONFIGURED


def advice_for(target: Target) -> str:
    """What to do about a target that is not healthy, by the load balancer's reason code."""
    if target.health in {Health.UNUSED, Health.UNREGISTERED}:
        return (
            "The load balancer does not know or use it: may the fleet's role register targets, "
            "is its zone enabled?"
        )
    return {
        "Target.ResponseCodeMismatch": "The application answers, but with the wrong code: ask its "
        "health path on one machine and read its log in the evidence.",
        "Target.Timeout": "It does not answer in time: is the security group open to the load "
        "balancer, is the machine too small, does the application listen on all addresses?",
        "Target.FailedHealthChecks": "The connection fails: is the unit running (see the console "
        "output), does it listen on the target group's port?",
    }.get(target.reason, "See the evidence.")


def _proved(limits: Limits, capacity: int, seen: Sequence[Observation]) -> Verdict | None:
    recent = seen[-limits.polls :]
    if len(recent) < limits.polls:
        return None
    steady = frozenset.intersection(*(look.healthy for look in recent))
    # Nothing is never proved, not even for a capacity of nothing.
    if not steady or len(steady) < capacity:
        return None
    return Verdict(
        outcome=Outcome.HEALTHY,
        cause=Cause.HEALTHY,
        detail=f"{len(steady)} of {capacity} healthy in {limits.polls} polls in a row",
    )


def _complete_since(capacity: int, seen: Sequence[Observation]) -> float | None:
    """When the last of the instances that make up the capacity now was first seen; None while
    some are missing.

    A replaced instance starts the health clock anew: it has to boot as well.
    """
    first: dict[str, float] = {}
    for look in seen:
        for one in look.instances:
            if one.live:
                first.setdefault(one.id, look.at)
    joined = sorted(first[one.id] for one in seen[-1].instances if one.live)
    return joined[capacity - 1] if len(joined) >= max(capacity, 1) else None


def _short_for(capacity: int, seen: Sequence[Observation]) -> float:
    """For how long instances have been missing: since it was last complete, or since the start."""
    complete = (x.at for x in seen if sum(one.live for one in x.instances) >= capacity)
    return seen[-1].at - max(complete, default=0.0)


def _late(limits: Limits, capacity: int, seen: Sequence[Observation]) -> Verdict | None:
    now = seen[-1]
    short = _short_for(capacity, seen)
    if short > limits.fulfilment:
        live = sum(one.live for one in now.instances)
        reasons = "; ".join(now.errors) or "EC2 gave no reason"
        return _failed(
            Cause.CAPACITY,
            f"{live} of {capacity} instances after {short:.0f} s: {reasons}",
            "Allow more instance types or zones, or set on_demand_fallback.",
        )
    healthy = f"{len(now.healthy)} of {capacity} healthy"
    since = _complete_since(capacity, seen)
    # All healthy in time may settle: the ceiling holds nevertheless.
    if since is not None and now.at - since > limits.health and len(now.healthy) < capacity:
        bad = [x for x in now.targets if x.health is not Health.HEALTHY]
        text = f"{healthy} {now.at - since:.0f} s after launch"
        return _not_healthy(text, bad, now.errors)
    if now.at > limits.ceiling:
        return _failed(
            Cause.INTERRUPTED,
            f"{healthy} after {now.at:.0f} s: instances were replaced again and again",
            "See the fleet's history in the evidence.",
        )
    return None


def _not_healthy(text: str, bad: Sequence[Target], errors: Sequence[str]) -> Verdict:
    """The health deadline is over: the most telling of the bad targets gives the cause."""
    telling = [Cause.FAILING_CHECK, Cause.MISCONFIGURED, Cause.BOOTING]
    worst = min(bad, key=lambda x: telling.index(_cause_of(x)), default=None)
    if worst is None:
        return _failed(Cause.MISCONFIGURED, f"{text}: no target", "See the evidence.")
    listed = "; ".join([", ".join(map(str, bad)), *errors])
    return _failed(_cause_of(worst), f"{text}: {listed}", advice_for(worst))


def _waiting(capacity: int, seen: Sequence[Observation]) -> Verdict:
    now = seen[-1]
    live = sum(x.live for x in now.instances)
    counts: dict[str, int] = {}
    for target in now.targets:
        counts[target.health] = counts.get(target.health, 0) + 1
    listed = ", ".join(f"{number} {health}" for health, number in sorted(counts.items()))
    if live < capacity:
        lost = [x.id for x in now.instances if x.interrupted]
        cause = Cause.INTERRUPTED if lost else Cause.CAPACITY
        detail = f"{live} of {capacity} instances" + (f", {listed}" if listed else "")
        detail += f"; interrupted: {', '.join(lost)}" if lost else ""
        detail += f"; {'; '.join(now.errors)}" if now.errors else ""
    elif len(now.healthy) >= capacity:
        cause, detail = Cause.SETTLING, f"all {capacity} healthy, looking again"
    else:
        cause, detail = Cause.BOOTING, f"{live} of {capacity} instances, {listed}"
    return Verdict(outcome=Outcome.WAITING, cause=cause, detail=detail)
