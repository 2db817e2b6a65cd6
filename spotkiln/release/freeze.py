"""Freeze: windows in which nothing new is released, and when the time that is frozen ends.

The clock on the wall counts. A window is one of these, with a time zone behind it (UTC if none is
named), and ends just before its end:

    Fri 16:00 - Mon 07:00 Europe/Berlin                 each week
    22:00 - 06:00 Europe/Berlin                         each day
    2026-12-20 - 2027-01-02 Europe/Berlin               once: from midnight to midnight
    2026-12-20 18:00 - 2027-01-02 06:00 Europe/Berlin   once
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from spotkiln.noun import Noun

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
WEEKLY = re.compile(
    rf"(?P<first>[a-z]{{3}}) (?P<start>{CLOCK}) ?- ?(?P<last>[a-z]{{3}}) (?P<end>{CLOCK})"
)
DAILY = re.compile(rf"(?P<start>{CLOCK}) ?- ?(?P<end>{CLOCK})")
DATE = r"\d{4}-\d{2}-\d{2}"
ONCE = re.compile(
    rf"(?P<first>{DATE})(?: (?P<start>{CLOCK}))? ?- ?(?P<last>{DATE})(?: (?P<end>{CLOCK}))?"
)
ZONE = re.compile(r"(?P<window>.*\d)(?: (?P<zone>[A-Za-z][A-Za-z0-9_+/-]*))?")
EXAMPLES = "'Fri 16:00 - Mon 07:00 Europe/Berlin' or '2026-12-20 - 2027-01-02 Europe/Berlin'"
WEEK = timedelta(days=7)
# Python's time ends soon after.
LAST_YEAR = 9000
# Windows that follow on one another are one. So many in a row have no end: they leave no moment.
MOST_IN_A_ROW = 1000
MOST_WINDOWS = 50


class Span(Noun):
    """From `start` until just before `end`, both in UTC."""

    start: datetime
    end: datetime

    def holds(self, now: datetime) -> bool:
        return self.start <= now < self.end


class Window(Noun):
    """`text` is as a person wrote it. A weekly or daily one repeats after `every`; else `every` is
    nothing. `start` and `end` are one of its spans, by the clock on the wall, without a zone."""

    text: str
    timezone: str
    start: datetime
    end: datetime
    every: timedelta = timedelta()

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Raises:
            ValueError: it is no window, its time zone is not known, or it ends before it starts.
        """
        words = " ".join(text.split())
        found = ZONE.fullmatch(words)
        zone = (found and found["zone"]) or "UTC"
        _require_zone(zone)
        window = found["window"].lower() if found else ""
        for pattern, spans in READERS:
            if match := pattern.fullmatch(window):
                start, end, every = spans(text, match.groupdict())
                return cls(text=words, timezone=zone, start=start, end=end, every=every)
        raise ValueError(f"expected a freeze window like {EXAMPLES}, got {text!r}")

    def span_at(self, now: datetime) -> Span | None:
        """The span that holds this moment."""
        return next((one for one in self._near(now) if one.holds(now)), None)

    def _near(self, now: datetime) -> Iterator[Span]:
        """Its spans around a moment; the one that ends last comes first."""
        zone = ZoneInfo(self.timezone)
        if not self.every:
            yield _span(self.start, self.end, zone)
            return
        here = now.astimezone(zone).replace(tzinfo=None)
        passed = (here - self.start) // self.every
        for times in (passed + 1, passed, passed - 1):
            shift = self.every * times
            yield _span(self.start + shift, self.end + shift, zone)


def _span(start: datetime, end: datetime, zone: ZoneInfo) -> Span:
    """By the clock on the wall. An hour that comes twice, or that is skipped, is frozen wholly."""
    starts = [start.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    ends = [end.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return Span(start=min(starts), end=max(ends))


def _require_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"expected a time zone like Europe/Berlin that this machine knows, got {zone!r}"
        ) from error


Given = dict[str, str]
Spans = tuple[datetime, datetime, timedelta]
# A Monday. The spans that repeat are reckoned from here.
MONDAY = date(2024, 1, 1)


def _weekly(text: str, given: Given) -> Spans:
    for day in (given["first"], given["last"]):
        if day not in DAYS:
            raise ValueError(f"expected a day like Mon or Fri, got {day!r} in {text!r}")
    first, last = (MONDAY + timedelta(days=DAYS.index(given[x])) for x in ("first", "last"))
    start, end = _at(first, given["start"]), _at(last, given["end"])
    if start == end:
        raise ValueError(f"{text!r} is no time at all, or every minute of the week")
    return start, end if end > start else end + WEEK, WEEK


def _daily(text: str, given: Given) -> Spans:
    start, end = _at(MONDAY, given["start"]), _at(MONDAY, given["end"])
    if start == end:
        raise ValueError(f"{text!r} is no time at all, or every minute of the day")
    day = timedelta(days=1)
    return start, end if end > start else end + day, day


def _once(text: str, given: Given) -> Spans:
    try:
        first, last = (date.fromisoformat(given[x]) for x in ("first", "last"))
    except ValueError as error:
        raise ValueError(f"expected dates like 2026-12-20, got {text!r}: {error}") from error
    start, end = _at(first, given["start"] or "00:00"), _at(last, given["end"] or "00:00")
    if last.year > LAST_YEAR:
        raise ValueError(f"expected a year up to {LAST_YEAR}, got {text!r}")
    if end <= start:
        raise ValueError(
            f"{text!r} ends before it starts: the last day is the first one that is free again"
        )
    return start, end, timedelta()


def _at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock))


READERS: tuple[tuple[re.Pattern[str], Callable[[str, Given], Spans]], ...] = (
    (WEEKLY, _weekly),
    (DAILY, _daily),
    (ONCE, _once),
)


class Frozen(Noun):
    """Nothing is released now. `until` is UTC; `window` is the one that ends last, as it was
    written, and `timezone` its own."""

    until: datetime
    window: str
    timezone: str

    @property
    def end(self) -> str:
        """`until` as the window's own clock has it."""
        return f"{self.until.astimezone(ZoneInfo(self.timezone)):%a %Y-%m-%d %H:%M %Z}"

    def __str__(self) -> str:
        return f"frozen until {self.end} ({self.window})"


def frozen(windows: Iterable[str], now: datetime) -> Frozen | None:
    """Whether this moment (in any time zone) is in one of the windows, and when all is free again:
    windows that overlap or follow on one another count as one. None: it is free.

    Raises:
        ValueError: a window cannot be read, or they never end.
    """
    parsed = [Window.parse(one) for one in windows]
    until: datetime = now
    last: Window | None = None
    for _ in range(MOST_IN_A_ROW):
        spans = [(found, one) for one in parsed if (found := one.span_at(until))]
        if not spans:
            break
        span, last = max(spans, key=lambda pair: pair[0].end)
        until = span.end
    else:
        raise ValueError(
            f"expected freeze windows that leave some time for releases, got {', '.join(windows)}"
        )
    return Frozen(until=until, window=last.text, timezone=last.timezone) if last else None


def will_wait(windows: Iterable[str], break_glass: str, now: datetime) -> bool:
    """Whether a release waits now for the end of a freeze."""
    return not break_glass and frozen(windows, now) is not None


def _checked(windows: tuple[str, ...]) -> tuple[str, ...]:
    """Those that repeat must leave some time; a single one ends by itself."""
    parsed = [Window.parse(one) for one in windows]
    repeated = [one.text for one in parsed if one.every]
    frozen(repeated, datetime.combine(MONDAY, time(), UTC))
    return windows


Windows = Annotated[tuple[str, ...], Field(max_length=MOST_WINDOWS), AfterValidator(_checked)]
# Who breaks the freeze, and why.
BREAK_GLASS = r"^$|^[^:\n]{1,100}: *\S[^\n]{0,499}$"


BREAK_GLASS_IN_WORDS = "who breaks the freeze and why, in one line, as alice: no orders come in"


def _who_and_why(text: str) -> str:
    if text and not re.fullmatch(BREAK_GLASS, text):
        raise ValueError(
            "expected who breaks the freeze and why, on one line like 'alice: the shop takes no "
            f"orders', got {text!r}"
        )
    return text


BreakGlass = Annotated[str, AfterValidator(_who_and_why)]
