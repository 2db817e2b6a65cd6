"""Deadlines: the verdict of a gate that has waited long enough, and whom it blames."""

from collections.abc import Sequence

from spotkiln.serve.blame import advice_for, cause_of, failed
from spotkiln.serve.gate import Cause, Limits, Verdict
from spotkiln.serve.problem import Problem, Reach, in_words
from spotkiln.serve.timeline import Timeline
from spotkiln.target import Target


def _complete_since(capacity: int, line: Timeline) -> float | None:
    """Since when the capacity is complete; None while an instance is missing.

    It is when the last of the instances that are alive now was first seen. So after a replacement
    the time for becoming healthy begins anew: the new instance has to boot as well.
    """
    joined = sorted(course.first for course in line.live)
    return joined[capacity - 1] if len(joined) >= max(capacity, 1) else None


def late(limits: Limits, capacity: int, line: Timeline) -> Verdict | None:
    """The verdict if a deadline is over: that of the launch, of health, or the ceiling of all."""
    now = line.now
    short = now.at - line.whole_at
    if short > limits.fulfilment:
        reasons = in_words(now.problems) or "EC2 gave no reason"
        meanings = [one.meaning for one in now.problems if one.meaning]
        # What waiting does not mend is told before what it may.
        known = min(meanings, key=lambda one: list(Reach).index(one.reach), default=None)
        return failed(
            Cause.CAPACITY,
            f"{len(line.live)} of {capacity} instances after {short:.0f} s: {reasons}",
            known.advice
            if known
            else "Allow more instance types or zones, or set on_demand_fallback.",
        )
    healthy = f"{len(now.healthy)} of {capacity} healthy"
    since = _complete_since(capacity, line)
    # If all became healthy in time, they may settle; one that fell back may recover. The ceiling
    # ends the gate in any case.
    if since is not None and now.at - since > limits.health and len(now.healthy) < capacity:
        bad = [
            target
            for target, course in line.current
            if not course.healthy and not (course.unhealthy and course.was_healthy)
        ]
        if bad or not now.targets:
            return _not_healthy(f"{healthy} {now.at - since:.0f} s after launch", bad, now.problems)
    return _beyond_the_ceiling(limits, healthy, line) if now.at > limits.ceiling else None


def _beyond_the_ceiling(limits: Limits, healthy: str, line: Timeline) -> Verdict:
    text = f"{healthy} after {line.now.at:.0f} s"
    if any(course.falls for course in line.courses.values()) and all(
        one.live for one in line.now.instances
    ):
        return failed(
            Cause.FLAPPING,
            f"{text}: never all of them for {limits.settle:.0f} s without a break",
            "They answer, then they do not: see the console output for restarts.",
        )
    return failed(
        Cause.INTERRUPTED,
        f"{text}: instances were replaced again and again",
        "See the fleet's history in the evidence.",
    )


def _not_healthy(text: str, bad: Sequence[Target], problems: Sequence[Problem]) -> Verdict:
    """The time for becoming healthy is over. The bad target that tells most gives the cause."""
    telling = [Cause.FAILING_CHECK, Cause.MISCONFIGURED, Cause.BOOTING]
    worst = min(bad, key=lambda x: telling.index(cause_of(x)), default=None)
    if worst is None:
        return failed(Cause.MISCONFIGURED, f"{text}: no target", "See the evidence.")
    listed = "; ".join([", ".join(map(str, bad)), *map(str, problems)])
    return failed(cause_of(worst), f"{text}: {listed}", advice_for(worst, answered=False))
