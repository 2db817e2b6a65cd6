"""Proof: when a new fleet has been healthy for long enough, and wherever something serves."""

import math

from spotkiln.serve.blame import failed
from spotkiln.serve.gate import Cause, Limits, Outcome, Verdict
from spotkiln.serve.timeline import Timeline
from spotkiln.target import Health


def _needed(limits: Limits, line: Timeline) -> float:
    """For how long all must be healthy. The load balancer starts a target slowly only beside
    another that is healthy."""
    return max(limits.settle, limits.slow_start if line.served_well else 0.0)


def _lasted(capacity: int, line: Timeline) -> float | None:
    """For how long the whole capacity, the same instances, has been healthy without a break;
    None while it is not. Nothing is never proved, not even for a capacity of nothing."""
    wanted = max(capacity, 1)
    since = sorted(course.since for course in line.live if course.healthy)
    return line.now.at - since[wanted - 1] if len(since) >= wanted else None


def settle_left(limits: Limits, capacity: int, line: Timeline) -> float:
    """How many seconds are missing; infinite while not all are healthy."""
    lasted = _lasted(capacity, line)
    return math.inf if lasted is None else max(_needed(limits, line) - lasted, 0.0)


def proved(limits: Limits, capacity: int, line: Timeline) -> Verdict | None:
    lasted = _lasted(capacity, line)
    if lasted is None or lasted < _needed(limits, line) or zones_without(limits, line):
        return None
    healthy = sum(course.healthy for course in line.live)
    return Verdict(
        outcome=Outcome.HEALTHY,
        cause=Cause.HEALTHY,
        detail=f"{healthy} of {capacity} healthy for {lasted:.0f} s: {limits.polls} health checks "
        "in a row, or more",
    )


def zones_without(limits: Limits, line: Timeline) -> dict[str, bool]:
    """The zones in which something healthy serves, but nothing new that is healthy; with whether
    something new is on its way there. Only where the load balancer keeps to zones."""
    if not limits.every_zone:
        return {}
    served = {one.zone for one in line.now.control if one.health is Health.HEALTHY and one.zone}
    live = [one for one in line.now.instances if one.live]
    healthy = {one.zone for one in live if line.courses[one.id].healthy}
    return {zone: any(one.zone == zone for one in live) for zone in served - healthy}


def in_the_wrong_zones(limits: Limits, capacity: int, line: Timeline) -> Verdict | None:
    empty = [zone for zone, coming in zones_without(limits, line).items() if not coming]
    if _lasted(capacity, line) is None or not empty:
        return None
    return failed(
        Cause.MISCONFIGURED,
        f"cross-zone load balancing is off, and no new server is in {', '.join(sorted(empty))}, "
        "where something serves now",
        "Ask for more servers, or for the strategy diversified; or turn cross-zone load "
        "balancing on for the target group.",
    )
