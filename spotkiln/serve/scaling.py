"""Scaling: by what, and when, AWS changes the number of servers between the least and the most.

It belongs to the release: each new fleet gets it anew. While one takes over from another the
scaling of both is suspended; a tag on each fleet says so, and by which release.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from spotkiln.noun import Noun, ShownNoun, number_or_empty
from spotkiln.serve import cron

# By these AWS's policies go, and no other of ours has such a name.
CPU, REQUESTS = "spotkiln-cpu", "spotkiln-requests"
ON, SUSPENDED = "on", "suspended"
MOST_ACTIONS = 50


def _cron(text: str) -> str:
    cron.require(text)
    return " ".join(text.split())


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"expected a time zone like Europe/Berlin, got {text!r}") from error
    return text


class Scheduled(ShownNoun):
    """What holds from a time of the day or week on, until another of these comes."""

    cron: Annotated[str, AfterValidator(_cron)] = Field(
        title="When",
        description="Minute, hour, day, month, weekday, as cron has them.",
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", title="Time zone", description="By the clock of which place."
    )
    minimum: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        title="At least",
        description="So many servers serve from then on.",
        json_schema_extra=number_or_empty,
    )
    most: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        title="At most",
        description="No more than so many from then on.",
        json_schema_extra=number_or_empty,
    )
    desired: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        title="Desired",
        description="So many at that moment. Only with the launcher auto-scaling.",
        json_schema_extra=number_or_empty,
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [self.minimum, self.desired, self.most]
        if given == [None, None, None]:
            raise ValueError(
                f"the scheduled action at {self.cron!r} changes nothing: say minimum, most or "
                "desired"
            )
        known = [one for one in given if one is not None]
        if known != sorted(known):
            raise ValueError(
                f"expected minimum <= desired <= most in the scheduled action at {self.cron!r}, "
                f"got minimum {self.minimum}, desired {self.desired}, most {self.most}"
            )
        return self

    def last(self, now: datetime) -> datetime | None:
        """When it was due last, before or at this moment; None if it never was."""
        return cron.last(self.cron, now, self.timezone)


class Scaling(ShownNoun):
    """What AWS is to keep, and when it is to have more or fewer servers. Nothing: it does not
    scale."""

    cpu_percent: int | None = Field(
        default=None,
        ge=1,
        le=100,
        title="CPU (%)",
        description="AWS keeps the average CPU utilization of the servers here.",
        json_schema_extra=number_or_empty,
    )
    requests_per_target: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        title="Requests per server",
        description="AWS keeps the number of requests that each server gets in a minute here.",
        json_schema_extra=number_or_empty,
    )
    scheduled: list[Scheduled] = Field(
        default_factory=list,
        max_length=MOST_ACTIONS,
        title="Scheduled actions",
        description="From when on there are more or fewer servers.",
    )

    @property
    def used(self) -> bool:
        return bool(self.cpu_percent or self.requests_per_target or self.scheduled)

    @property
    def targets(self) -> dict[str, int]:
        """What AWS is to keep, by the name of its policy."""
        found = {CPU: self.cpu_percent, REQUESTS: self.requests_per_target}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def actions(self) -> dict[str, Scheduled]:
        """The scheduled actions, by the names that AWS gets."""
        return {f"spotkiln-{place}": one for place, one in enumerate(self.scheduled, start=1)}


class Bounds(Noun):
    """How many servers there are at least and at most."""

    least: int
    most: int


def in_force(scaling: Scaling, usual: Bounds, now: datetime) -> Bounds:
    """The bounds that hold now: the usual ones, as the scheduled actions have changed them. A later
    action goes before an earlier one; what it does not name stays."""
    due = [(when, one) for one in scaling.scheduled if (when := one.last(now))]
    found = usual
    for _, one in sorted(due, key=lambda pair: pair[0]):
        least, most = one.minimum or found.least, one.most or found.most
        found = Bounds(least=least, most=max(least, most))
    return found


def unlike(scaling: Scaling, usual: Bounds) -> Iterator[str]:
    """What is wrong with scheduled actions between these bounds, in words: whatever order they come
    in, no minimum may be above the most that may hold then."""
    for one in scaling.scheduled:
        least, most = one.minimum or 0, one.most or usual.most
        if least > most:
            yield (
                f"the scheduled action at {one.cron!r} asks for at least {least}, and at most "
                f"{most} are allowed: raise most, there or in the fleet"
            )
        if one.desired and one.desired > most:
            yield (
                f"the scheduled action at {one.cron!r} asks for {one.desired}, and at most {most} "
                "are allowed: raise most, there or in the fleet"
            )
        if one.most and one.most < (one.minimum or usual.least):
            yield (
                f"the scheduled action at {one.cron!r} allows at most {one.most}, and at least "
                f"{usual.least} are asked for: say a minimum there, too"
            )


def aws_schedule(one: Scheduled) -> str:
    """As Application Auto Scaling has it: a year at the end, weekdays that begin with 1 on Sunday,
    and of the two kinds of days one must be left open.

    Raises:
        ValueError: both are given, which it cannot say.
    """
    minute, hour, day, month, weekday = one.cron.split()
    if weekday == "*":
        return f"cron({minute} {hour} {day} {month} ? *)"
    if day != "*":
        raise ValueError(
            f"the scheduled action at {one.cron!r} has a day of the month and a weekday: the "
            "launcher spot-fleet takes one of them"
        )
    # Each by its name: AWS counts them otherwise.
    names = ",".join(cron.weekdays(one.cron)).upper()
    return f"cron({minute} {hour} ? {month} {names} *)"


class Suspension(Noun):
    """Scaling that a release has suspended: what of it, in the launcher's words; empty: all of it.
    What somebody else had suspended before is not among it."""

    release: str
    of: tuple[str, ...] = ()

    @classmethod
    def from_tag(cls, text: str) -> Self | None:
        """None where nothing is suspended by a release."""
        word, _, rest = text.partition(" ")
        release, *of = rest.split() or [""]
        return cls(release=release, of=tuple(of)) if word == SUSPENDED and release else None

    def to_tag(self) -> str:
        return " ".join([SUSPENDED, self.release, *self.of])

    def by(self, release: str) -> Self:
        """The same, taken over by another release after the first one died."""
        return self.model_copy(update={"release": release})


def to_suspend(
    former: Suspension | None, release: str, still_open: Callable[[], tuple[str, ...]]
) -> Suspension | None:
    """What a release suspends of a fleet's scaling. What one that died had suspended is taken over.
    None where somebody has suspended all of it: it stays so."""
    if former:
        return former.by(release)
    found = still_open()
    return Suspension(release=release, of=found) if found else None
