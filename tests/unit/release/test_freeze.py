"""Freeze windows: by the clock on the wall, across weeks and years, when clocks are changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from spotkiln.release.freeze import BreakGlass, Frozen, Window, Windows, frozen

WEEKEND = "Fri 16:00 - Mon 07:00 Europe/Berlin"
YEAR_END = "2026-12-20 - 2027-01-02 Europe/Berlin"


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def berlin(text: str) -> datetime:
    return at(text, "Europe/Berlin")


def until(now: datetime, *windows: str) -> datetime | None:
    found = frozen(windows, now)
    return found.until if found else None


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-27 15:59:59", None),
        ("2026-11-27 16:00", "2026-11-30 07:00"),
        ("2026-11-28 12:00", "2026-11-30 07:00"),
        ("2026-11-30 06:59:59", "2026-11-30 07:00"),
        ("2026-11-30 07:00", None),
        ("2026-12-02 23:00", None),
        # Summer: the same clock on the wall, an hour earlier in UTC.
        ("2026-07-03 16:00", "2026-07-06 07:00"),
    ],
)
def test_each_week(now: str, end: str | None) -> None:
    assert until(berlin(now), WEEKEND) == (end and berlin(end))


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-12-19 23:59:59", None),
        ("2026-12-20 00:00", "2027-01-02 00:00"),
        ("2027-01-01 23:59:59", "2027-01-02 00:00"),
        ("2027-01-02 00:00", None),
        ("2027-12-25 12:00", None),
    ],
)
def test_once(now: str, end: str | None) -> None:
    assert until(berlin(now), YEAR_END) == (end and berlin(end))


def test_once_from_a_time_to_a_time() -> None:
    window = "2026-12-20 18:00 - 2026-12-21 06:30"
    assert until(at("2026-12-20 17:59"), window) is None
    assert until(at("2026-12-20 18:00"), window) == at("2026-12-21 06:30")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-26 21:59", None),
        ("2026-11-26 22:00", "2026-11-27 06:00"),
        ("2026-11-27 05:59", "2026-11-27 06:00"),
        ("2026-11-27 06:00", None),
    ],
)
def test_each_day_over_midnight(now: str, end: str | None) -> None:
    assert until(berlin(now), "22:00-06:00 Europe/Berlin") == (end and berlin(end))


def test_windows_that_overlap_or_follow_are_one() -> None:
    """The one that ends last is named."""
    # The year's end is a Saturday: the weekend goes on until Monday.
    found = frozen((WEEKEND, YEAR_END), berlin("2026-12-22 12:00"))
    assert found == Frozen(
        until=berlin("2027-01-04 07:00").astimezone(UTC), window=WEEKEND, timezone="Europe/Berlin"
    )
    following = ("Mon 07:00 - Mon 09:00 Europe/Berlin", WEEKEND)
    assert until(berlin("2026-11-28 12:00"), *following) == berlin("2026-11-30 09:00")
    # An end that another window passes is no end.
    assert until(berlin("2026-11-28 12:00"), WEEKEND, "Sat 00:00 - Sun 00:00 UTC") == berlin(
        "2026-11-30 07:00"
    )


def test_it_says_until_when_by_the_windows_own_clock() -> None:
    assert str(frozen((WEEKEND,), at("2026-11-28 12:00"))) == (
        "frozen until Mon 2026-11-30 07:00 CET (Fri 16:00 - Mon 07:00 Europe/Berlin)"
    )


def test_without_a_time_zone_it_is_utc() -> None:
    assert until(at("2026-11-27 16:00"), "Fri 16:00 - Mon 07:00") == at("2026-11-30 07:00")


def test_an_end_in_the_hour_that_is_skipped_or_comes_twice() -> None:
    """It is never free too early."""
    # 2026-03-29 02:00 is 03:00 at once; 2026-10-25 03:00 is 02:00 once more.
    spring = until(berlin("2026-03-28 12:00"), "Sat 00:00 - Sun 02:30 Europe/Berlin")
    assert spring == at("2026-03-29 01:30")
    autumn = until(berlin("2026-10-24 12:00"), "Sat 00:00 - Sun 02:30 Europe/Berlin")
    assert autumn == at("2026-10-25 01:30")
    starts = "Sun 02:30 - Sun 12:00 Europe/Berlin"
    assert until(at("2026-10-25 00:29"), starts) is None
    assert until(at("2026-10-25 00:30"), starts) == berlin("2026-10-25 12:00")


@given(st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1)))  # noqa: DTZ001
def test_what_is_frozen_ends_and_the_end_is_free(naive: datetime) -> None:
    now = naive.replace(tzinfo=UTC)
    windows = (WEEKEND, YEAR_END, "23:00 - 01:00 America/New_York", "Wed 12:00 - Wed 13:00")
    found = frozen(windows, now)
    if found is None:
        assert not any(Window.parse(one).span_at(now) for one in windows)
        return
    assert found.until > now
    assert frozen(windows, found.until) is None
    # Frozen all the way, to the last second.
    assert frozen(windows, found.until - timedelta(seconds=1)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("weekend", "expected a freeze window like 'Fri 16:00 - Mon 07:00 Europe/Berlin'"),
        ("", "expected a freeze window like"),
        ("Fri 16:00", "expected a freeze window like"),
        ("Fri 16 - Mon 07:00", "expected a freeze window like"),
        ("Fri 24:00 - Mon 07:00", "expected a freeze window like"),
        ("Fry 16:00 - Mon 07:00", "expected a day like Mon or Fri, got 'fry'"),
        ("Fri 16:00 - Mon 07:00 Europe/Berlim", "a time zone like Europe/Berlin that this machine"),
        ("Fri 16:00 - Mon 07:00 ../etc", "expected a freeze window like"),
        ("Fri 16:00 - Fri 16:00", "no time at all, or every minute of the week"),
        ("08:00 - 08:00", "no time at all, or every minute of the day"),
        ("2026-02-30 - 2026-03-02", "expected dates like 2026-12-20"),
        ("2026-12-20 - 9999-12-31", "expected a year up to 9000"),
        ("2027-01-02 - 2026-12-20", "ends before it starts"),
        ("2026-12-20 - 2026-12-20", "the last day is the first one that is free again"),
    ],
)
def test_what_is_no_window_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match="value_error") as refused:
        TypeAdapter(Windows).validate_python((text,))
    assert words in str(refused.value)


def test_windows_that_leave_no_moment_are_refused() -> None:
    never = ("Mon 00:00 - Thu 12:00", "Thu 12:00 - Mon 00:00")
    with pytest.raises(ValidationError, match="leave some time for releases"):
        TypeAdapter(Windows).validate_python(never)
    assert TypeAdapter(Windows).validate_python((never[0],)) == (never[0],)


@pytest.mark.parametrize("text", ["", "alice: the shop takes no orders", "alice:INC-42"])
def test_who_breaks_the_freeze_and_why(text: str) -> None:
    assert TypeAdapter(BreakGlass).validate_python(text) == text


@pytest.mark.parametrize("text", ["alice", "alice:", "alice: ", ": because", "a: b\nc"])
def test_breaking_it_without_a_name_or_a_reason_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(BreakGlass).validate_python(text)


def test_years_far_ahead_are_read() -> None:
    assert until(at("2026-01-01 00:00"), "2025-01-01 - 2036-01-01") == at("2036-01-01 00:00")
    long_and_weekly = ("2025-01-01 - 2036-01-01", WEEKEND)
    assert until(at("2026-01-01 00:00"), *long_and_weekly) == at("2036-01-01 00:00")
