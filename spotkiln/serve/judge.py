"""The gate's verdict on a new fleet: a pure function of what was observed."""

import math
from collections.abc import Iterator, Sequence

from spotkiln.serve.blame import advice_for, cause_of, failed
from spotkiln.serve.deadline import late
from spotkiln.serve.ending import ending, scaled_in_apart
from spotkiln.serve.fleet import State
from spotkiln.serve.gate import BLAMES_IMAGE, Cause, GateOutcome, Limits, Verdict
from spotkiln.serve.observation import Observation
from spotkiln.serve.problem import final, in_words
from spotkiln.serve.proof import in_the_wrong_zones, proved, settle_left, zones_without
from spotkiln.serve.timeline import Course, Timeline, timeline

# The load balancer's reasons that waiting does not mend.
MISCONFIGURED = {
    "Target.NotInUse": "the target's zone is not enabled for the load balancer, or no rule "
    "forwards to the target group",
    "Target.IpUnusable": "the target's address cannot be used by the load balancer",
    "Target.HealthCheckDisabled": "the target group's health checks are disabled",
}

# Of several failures the first of these is told: it explains the others.
TELLING = (
    Cause.CANCELLED,
    Cause.MISCONFIGURED,
    Cause.CAPACITY,
    Cause.OUTSIDE,
    Cause.CRASHING,
    Cause.FLAPPING,
    Cause.FAILING_CHECK,
    Cause.BOOTING,
    Cause.INTERRUPTED,
)


def judge(limits: Limits, capacity: int, seen: Sequence[Observation]) -> Verdict:
    """Whether a fleet is proved, by everything that was seen so far, oldest first.

    Only the new fleet is judged. What else is in the target group is what it is compared with.
    """
    capacity = _wanted(capacity, seen)
    line = timeline(capacity, seen)
    failures = [
        *_of_the_fleet(capacity, line),
        *_of_lost_instances(limits, line),
        *_of_unready(line),
        *_of_targets(limits, line),
    ]
    verdict = (
        min(failures, key=lambda one: TELLING.index(one.cause), default=None)
        or in_the_wrong_zones(limits, capacity, line)
        or proved(limits, capacity, line)
        or late(limits, capacity, line)
    )
    return _compared(limits, line, verdict) if verdict else _waiting(limits, capacity, line)


def _wanted(capacity: int, seen: Sequence[Observation]) -> int:
    """How many servers are asked for now: somebody may have scaled the new fleet in."""
    return max(capacity - seen[-1].scaled_in, 1)


def _compared(limits: Limits, line: Timeline, verdict: Verdict) -> Verdict:
    """The verdict, compared with what serves. If that turned unhealthy in the same minutes, the
    new image is not to blame, but something that both depend on."""
    if verdict.cause not in BLAMES_IMAGE:
        return verdict
    if line.sick_at >= line.now.at - limits.recovery:
        return failed(
            Cause.OUTSIDE,
            f"what serves was unhealthy in the same minutes; the new servers: {verdict}",
            "Look at what both depend on: a database, another service, a security group. "
            "Nothing speaks against the image; release again when what serves is healthy.",
        )
    if line.compared:
        return verdict
    advice = f"{verdict.advice} Nothing else serves that this could be compared with."
    return verdict.model_copy(update={"advice": advice})


# -- failures --


def _of_the_fleet(capacity: int, line: Timeline) -> Iterator[Verdict]:
    now = line.now
    reasons = in_words(now.problems) or "no error in its history"
    hopeless = final(now.problems)
    if now.state in {State.STOPPED, State.ENDING, State.ENDED}:
        yield failed(
            Cause.CANCELLED,
            f"the fleet is {now.status}, and not by this release: {reasons}",
            "Somebody or something cancelled it.",
        )
    elif hopeless and len(line.live) < capacity:
        problem, meaning = hopeless
        yield failed(meaning.cause, f"the fleet launches nothing: {problem}", meaning.advice)
    elif now.state is State.FAILED:
        yield failed(
            Cause.CAPACITY,
            f"the fleet is {now.status}: {reasons}",
            "See the fleet's history in the evidence.",
        )


def _of_lost_instances(limits: Limits, line: Timeline) -> Iterator[Verdict]:
    """Instances that EC2 did not end: they crashed, or somebody ended them."""
    ended = [(x, ending(x.end)) for x in line.now.instances if not x.live]
    lost = scaled_in_apart([(one, how) for one, how in ended if how], line.now.scaled_in)
    # Where another runs, one that ended at once may have been an accident.
    running = any(one.state == "running" for one in line.now.instances)
    final_ones = [] if running else [(one, how) for one, how in lost if how.at_once]
    if not final_ones and len(lost) <= limits.losses:
        return
    listed = ", ".join(f"{one.id} ({one.lost_by})" for one, _ in lost)
    # The commonest ending counts. Of two that are as common, the one that blames no image.
    causes = [how for _, how in (final_ones or lost)]
    how = max(causes, key=lambda one: (causes.count(one), one.cause not in BLAMES_IMAGE))
    if how.at_once:
        detail = f"{len(lost)} instances ended as soon as they were launched: {listed}"
    elif how.cause is Cause.OUTSIDE:
        detail = f"{len(lost)} instances were ended, {limits.losses} are allowed: {listed}"
    else:
        detail = f"{len(lost)} instances ended by themselves, {limits.losses} are allowed: {listed}"
    yield failed(how.cause, detail, how.advice)


def _of_unready(line: Timeline) -> Iterator[Verdict]:
    """Machines that could not find out how they are set up: the others find the same."""
    live = {one.id for one in line.now.instances if one.live}
    found = [one for one in line.now.unready if one.instance in live]
    if found:
        listed = "; ".join(f"{one.instance}: {one.why}" for one in found)
        yield failed(Cause.MISCONFIGURED, listed, found[0].advice or "See the evidence.")


def _of_targets(limits: Limits, line: Timeline) -> Iterator[Verdict]:
    for target, course in line.current:
        if target.reason in MISCONFIGURED and course.again:
            # At two looks in a row: somebody may be enabling the zone, or making the rule.
            yield failed(
                Cause.MISCONFIGURED,
                f"{target}: {MISCONFIGURED[target.reason]}",
                "Mend the load balancer, release again.",
            )
        if course.unhealthy and _borne_with(limits, line, course) <= 0:
            age = line.now.at - course.since
            after = "of being unhealthy" if course.was_healthy else "of grace"
            allowed = limits.recovery if course.was_healthy else limits.grace
            yield failed(
                cause_of(target),
                f"{target} after {age:.0f} s, {allowed:.0f} s {after}",
                advice_for(target, answered=course.was_healthy),
            )
    worst = max(line.current, key=lambda pair: pair[1].falls, default=None)
    if worst is not None and worst[1].falls > limits.flaps:
        target, course = worst
        yield failed(
            Cause.FLAPPING,
            f"{target.instance} fell from healthy to unhealthy {course.falls} times, "
            f"{limits.flaps} are allowed",
            "It answers, then it does not: see its console output for restarts.",
        )


def _borne_with(limits: Limits, line: Timeline, course: Course) -> float:
    """For how many seconds more an instance may be unhealthy. After its launch it has the grace
    period; after it was healthy it has the time for recovery."""
    allowed = limits.recovery if course.was_healthy else limits.grace
    return course.since + allowed - line.now.at


def verdict_within(limits: Limits, capacity: int, seen: Sequence[Observation]) -> float:
    """After how many seconds there will be a verdict if nothing changes: all will have been
    healthy for long enough, or one unhealthy for too long. Infinite if neither."""
    capacity = _wanted(capacity, seen)
    line = timeline(capacity, seen)
    bad = [_borne_with(limits, line, one) for _, one in line.current if one.unhealthy]
    return min([*bad, settle_left(limits, capacity, line)], default=math.inf)


def _waiting(limits: Limits, capacity: int, line: Timeline) -> Verdict:
    now, live = line.now, len(line.live)
    counts: dict[str, int] = {}
    for target in now.targets:
        counts[target.state] = counts.get(target.state, 0) + 1
    listed = ", ".join(f"{number} {health}" for health, number in sorted(counts.items()))
    if live < capacity:
        lost = [x.id for x in now.instances if x.interrupted]
        cause = Cause.INTERRUPTED if lost else Cause.CAPACITY
        detail = f"{live} of {capacity} instances" + (f", {listed}" if listed else "")
        detail += f"; interrupted: {', '.join(lost)}" if lost else ""
        detail += f"; {in_words(now.problems)}" if now.problems else ""
    elif len(now.healthy) >= capacity:
        cause, detail = Cause.SETTLING, f"all {capacity} healthy, not yet for long enough"
        if zones := zones_without(limits, line):
            detail = f"all {capacity} healthy, but in {', '.join(sorted(zones))} not yet"
    else:
        cause, detail = Cause.BOOTING, f"{live} of {capacity} instances, {listed}"
    return Verdict(outcome=GateOutcome.WAITING, cause=cause, detail=detail)
