"""Timeline: what a gate has seen so far, instance by instance. It is made of looks, the oldest
first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from spotkiln.serve.observation import Observation
from spotkiln.target import Health, Target


@dataclass(frozen=True)
class Course:
    """What one instance has done so far.

    `first`: when it was first seen alive. `since`: when it became what it is now, healthy or not.
    For one that was never healthy that is when it was first seen.
    """

    first: float
    since: float
    target: Target | None = None
    falls: int = 0  # from healthy to unhealthy
    again: bool = False  # the same reason as at the look before

    @property
    def healthy(self) -> bool:
        return self.target is not None and self.target.health is Health.HEALTHY

    @property
    def unhealthy(self) -> bool:
        return self.target is not None and self.target.health is Health.UNHEALTHY

    @property
    def was_healthy(self) -> bool:
        """Whether it was healthy before it became what it is now."""
        return self.since > self.first

    def after(self, target: Target | None, at: float) -> "Course":
        """The course after one more look."""
        now = replace(
            self,
            target=target,
            again=bool(target and self.target and target.reason == self.target.reason),
        )
        if now.healthy is self.healthy:
            return now
        fell = self.healthy and now.unhealthy
        return replace(now, since=at, falls=self.falls + fell)


@dataclass(frozen=True)
class Timeline:
    """`now` is the latest look. `whole_at`: when the capacity was last complete.

    Of what serves beside it: `sick_at` is when at least half of it was last unhealthy, `compared`
    whether there was ever anything to compare with, `served_well` whether any of it was healthy.
    """

    now: Observation
    courses: Mapping[str, Course] = field(default_factory=dict)
    whole_at: float = 0.0
    sick_at: float = -math.inf
    compared: bool = False
    served_well: bool = False

    @property
    def current(self) -> list[tuple[Target, Course]]:
        """The targets of the latest look, each with its course."""
        return [(target, self.courses[target.instance]) for target in self.now.targets]

    @property
    def live(self) -> list[Course]:
        return [self.courses[one.id] for one in self.now.instances if one.live]

    def after(self, look: Observation, capacity: int) -> "Timeline":
        targets = {target.instance: target for target in look.targets}
        alive = [one.id for one in look.instances if one.live]
        courses = {
            name: course.after(targets.get(name), look.at) for name, course in self.courses.items()
        }
        for name in (*alive, *targets):
            if name not in courses:
                courses[name] = Course(look.at, look.at, targets.get(name))
        sick, compared = _control(look)
        return Timeline(
            now=look,
            courses=courses,
            whole_at=look.at if len(alive) >= capacity else self.whole_at,
            sick_at=look.at if sick else self.sick_at,
            compared=self.compared or compared,
            served_well=self.served_well
            or any(one.health is Health.HEALTHY for one in look.control),
        )


def _control(look: Observation) -> tuple[bool, bool]:
    """Whether at least half of what serves is unhealthy, and whether anything serves that can be
    compared with. What is draining or was only just registered cannot."""
    health = [one.health for one in look.control]
    bad, good = health.count(Health.UNHEALTHY), health.count(Health.HEALTHY)
    return bad > 0 and bad >= good, bad + good > 0


def timeline(capacity: int, seen: Sequence[Observation]) -> Timeline:
    """The timeline of these looks; there must be one at least."""
    line = Timeline(now=seen[0])
    for look in seen:
        line = line.after(look, capacity)
    return line
