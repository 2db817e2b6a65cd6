"""Quiet hours: by the clock on the wall, over midnight, and when clocks are changed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from spotkiln.start.quiet import QuietHours, QuietText


def quiet(text: str) -> QuietHours:
    parsed = QuietHours.parse(text)
    assert parsed is not None
    return parsed


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "held"),
    [
        ("2024-01-10 20:59:59", False),  # 21:59:59 in Berlin
        ("2024-01-10 21:00", True),
        ("2024-01-10 23:30", True),
        ("2024-01-11 04:59:59", True),
        ("2024-01-11 05:00", False),  # its end is no part of it
        ("2024-01-11 12:00", False),
        # In summer Berlin is an hour further.
        ("2024-07-10 19:59", False),
        ("2024-07-10 20:00", True),
        ("2024-07-11 03:59", True),
        ("2024-07-11 04:00", False),
    ],
)
def test_over_midnight(now: str, held: bool) -> None:
    assert quiet("22:00-06:00 Europe/Berlin").hold(at(now)) is held


@pytest.mark.parametrize(("now", "held"), [("08:59", False), ("09:00", True), ("17:00", False)])
def test_within_a_day(now: str, held: bool) -> None:
    assert quiet("09:00-17:00 UTC").hold(at(f"2024-01-10 {now}")) is held


def test_the_night_that_loses_an_hour() -> None:
    """On 31 March 2024 at 01:00 UTC Berlin goes from 02:00 to 03:00."""
    hours = quiet("01:30-03:30 Europe/Berlin")
    start = at("2024-03-31 00:00")
    minutes = [start + timedelta(minutes=x) for x in range(180)]
    held = [x for x in minutes if hours.hold(x)]
    assert (held[0], held[-1]) == (at("2024-03-31 00:30"), at("2024-03-31 01:29"))
    assert not any(quiet("02:15-02:45 Europe/Berlin").hold(x) for x in minutes)


def test_the_night_that_has_an_hour_twice() -> None:
    """On 27 October 2024 at 01:00 UTC Berlin goes from 03:00 back to 02:00."""
    hours = quiet("02:15-02:45 Europe/Berlin")
    minutes = [at("2024-10-27 00:00") + timedelta(minutes=x) for x in range(180)]
    held = [x for x in minutes if hours.hold(x)]
    assert len(held) == 60
    assert (held[0], held[-1]) == (at("2024-10-27 00:15"), at("2024-10-27 01:44"))


@given(st.times(), st.times(), st.datetimes(timezones=st.just(UTC)))
def test_a_window_and_its_opposite_are_a_whole_day(start, end, now) -> None:  # type: ignore[no-untyped-def]
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    if start == end:
        return
    one = QuietHours(start=start, end=end, timezone="Europe/Berlin")
    other = QuietHours(start=end, end=start, timezone="Europe/Berlin")
    assert one.hold(now) is not other.hold(now)


def test_none_are_none() -> None:
    assert QuietHours.parse("") is None


def test_they_are_said_as_they_were_given() -> None:
    assert str(quiet("22:00-06:00 Europe/Berlin")) == "22:00-06:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("22-6", "22:00-06:00 Europe/Berlin"),
        ("22:00-24:00 UTC", "22:00-06:00 Europe/Berlin"),
        ("22:00-06:00", "22:00-06:00 Europe/Berlin"),
        ("22:00-06:00 Europe/Atlantis", "Europe/Atlantis"),
        ("22:00-06:00 ../etc/passwd", "22:00-06:00 Europe/Berlin"),
        ("22:00-22:00 UTC", "its switch"),
    ],
)
def test_others_are_refused_with_an_example(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        QuietHours.parse(text)
    with pytest.raises(ValidationError):
        TypeAdapter(QuietText).validate_python(text)
