"""Proof: whether a new fleet has been healthy for long enough, in each zone that serves."""

import math

from spotkiln.serve.blame import failed
from spotkiln.serve.gate import Cause, GateOutcome, Limits, Verdict
from spotkiln.serve.timeline import Timeline
from spotkiln.target import Health


def _needed(limits: Limits, line: Timeline) -> float:
    """How long all must be healthy, in seconds. The load balancer starts a target slowly only if
    another one is healthy."""
    return max(limits.settle, limits.slow_start if line.served_well else 0.0)


def _lasted(capacity: int, line: Timeline) -> float | None:
    """For how long the whole capacity has been healthy without a break, in the same instances;
    None if it is not. At least one instance is needed, whatever the capacity."""
    wanted = max(capacity, 1)
    since = sorted(course.since for course in line.live if course.healthy)
    return line.now.at - since[wanted - 1] if len(since) >= wanted else None


def settle_left(limits: Limits, capacity: int, line: Timeline) -> float:
    """How many seconds are missing; infinite while not all are healthy, or a zone waits for its
    server."""
    lasted = _lasted(capacity, line)
    if lasted is None or zones_without(limits, line):
        return math.inf
    return max(_needed(limits, line) - lasted, 0.0)


def proved(limits: Limits, capacity: int, line: Timeline) -> Verdict | None:
    """The verdict `healthy`, if it has been earned."""
    lasted = _lasted(capacity, line)
    if lasted is None or lasted < _needed(limits, line) or zones_without(limits, line):
        return None
    healthy = sum(course.healthy for course in line.live)
    return Verdict(
        outcome=GateOutcome.HEALTHY,
        cause=Cause.HEALTHY,
        detail=f"{healthy} of {capacity} healthy for {lasted:.0f} s: {limits.polls} health checks "
        "in a row, or more",
    )


def zones_without(limits: Limits, line: Timeline) -> dict[str, bool]:
    """The zones that have a healthy server now and no healthy new one; with whether a new one is
    alive there. Empty if the load balancer sends requests across zones."""
    if not limits.every_zone:
        return {}
    served = {one.zone for one in line.now.control if one.health is Health.HEALTHY and one.zone}
    live = [one for one in line.now.instances if one.live]
    healthy = {one.zone for one in live if line.courses[one.id].healthy}
    return {zone: any(one.zone == zone for one in live) for zone in served - healthy}


def in_the_wrong_zones(limits: Limits, capacity: int, line: Timeline) -> Verdict | None:
    """The verdict if all are healthy, and a zone that serves now would be left without any."""
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
