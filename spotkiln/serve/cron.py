"""Cron: minute, hour, day of the month, month and weekday, and when such a time was last."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from spotkiln.noun import Noun

EXAMPLE = "'0 8 * * 1-5': at eight from Monday to Friday"
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")
# A 29th of February may be eight years ago.
MOST_DAYS = 8 * 366 + 1
# The first and the last number of each field, and the names that it may have, from the first on.
FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 7, WEEKDAYS),
)


class Cron(Noun):
    """Each field as the numbers that it stands for; Sunday is 0. Where neither day nor weekday is
    left open one of them is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        fits = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return any(fits) if self.either_day else all(fits)

    def last(self, now: datetime, zone: str) -> datetime | None:
        """When it was last, at this moment or before it, by the clock of a time zone; in UTC. None
        if there is no such day. What the clock skips in spring comes an hour later."""
        place = ZoneInfo(zone)
        today = now.astimezone(place).date()
        for back in range(MOST_DAYS):
            day = today - timedelta(days=back)
            for clock in self._clocks() if self.on(day) else ():
                then = datetime.combine(day, clock, place).astimezone(UTC)
                if then <= now:
                    return then
        return None

    def _clocks(self) -> Iterator[time]:
        """Of a day, the latest first."""
        for hour in sorted(self.hours, reverse=True):
            for minute in sorted(self.minutes, reverse=True):
                yield time(hour, minute)


def parse(text: str) -> Cron:
    """
    Raises:
        ValueError: it is none, or there is no such day.
    """
    fields = text.lower().split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"expected minute, hour, day, month, weekday as {EXAMPLE}, got {text!r}")
    minutes, hours, days, months, weekdays = (
        _numbers(given, *field, text=text) for given, field in zip(fields, FIELDS, strict=True)
    )
    found = Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(one % 7 for one in weekdays),
        either_day=not (fields[2].startswith("*") or fields[4].startswith("*")),
    )
    leap = (date(2024, 1, 1) + timedelta(days=one) for one in range(366))
    if not any(found.on(day) for day in leap):
        raise ValueError(f"there is no such day: {text!r}")
    return found


def _numbers(
    given: str, name: str, first: int, last: int, names: tuple[str, ...], *, text: str
) -> frozenset[int]:
    found: set[int] = set()
    for part in given.split(","):
        match = PART.fullmatch(part)
        start, end = first, last
        if match and match["first"]:
            start = _number(match["first"], first, names)
            end = _number(match["last"], first, names) if match["last"] else start
            end = last if match["step"] and not match["last"] else end
        step = int(match["step"]) if match and match["step"] else 1
        if not match or not step or not first <= start <= end <= last:
            raise ValueError(f"expected a cron expression as {EXAMPLE}, got {text!r}: its {name}")
        found |= set(range(start, end + 1, step))
    return frozenset(found)


def _number(text: str, first: int, names: tuple[str, ...]) -> int:
    """Below all of its field if it is none."""
    if text in names:
        return names.index(text) + first
    return int(text) if text.isdecimal() else -1
