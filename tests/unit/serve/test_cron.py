"""When a time of cron's was last."""

from datetime import UTC, datetime

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.serve.cron import parse

# A Thursday.
NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "last"),
    [
        ("0 8 * * *", "UTC", "2026-11-26T08:00"),
        ("30 12 * * *", "UTC", "2026-11-26T12:30"),
        ("31 12 * * *", "UTC", "2026-11-25T12:31"),
        ("0 8 * * *", "America/New_York", "2026-11-25T13:00"),
        ("0 20 * * 1-5", "Europe/Berlin", "2026-11-25T19:00"),
        ("0 0 * * SUN", "UTC", "2026-11-22T00:00"),
        ("0 0 * * 7", "UTC", "2026-11-22T00:00"),
        ("*/20 * * * *", "UTC", "2026-11-26T12:20"),
        ("0 0 29 2 *", "UTC", "2024-02-29T00:00"),
        ("0 0 1 Jan,jul *", "UTC", "2026-07-01T00:00"),
        # Either kind of day is enough.
        ("0 0 24 * 3", "UTC", "2026-11-25T00:00"),
        # Half past two is skipped on that day in spring.
        ("30 2 29 3 *", "Europe/Berlin", "2026-03-29T01:30"),
    ],
)
def test_when_it_was_last(text: str, zone: str, last: str) -> None:
    assert parse(text).last(NOW, zone) == datetime.fromisoformat(f"{last}+00:00")


@pytest.mark.parametrize(
    "text",
    ["", "0 8 * *", "0 8 * * * *", "60 8 * * *", "0 24 * * *", "0 8 0 * *", "0 8 * 13 *",
     "0 8 * * 8", "0 8 * * mo", "0 8 5-1 * *", "*/0 * * * *", "0 8 L * *", "@daily", "x * * * *"],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def test_a_day_that_never_comes() -> None:
    with pytest.raises(ValueError, match="there is no such day: '0 0 31 2 \\*'"):
        parse("0 0 31 2 *")


FIELD = [(0, 59), (0, 23), (1, 28), (1, 12), (0, 6)]


def field(first: int, last: int) -> st.SearchStrategy[str]:
    number = st.integers(first, last)
    span = st.tuples(number, number).map(lambda two: f"{min(two)}-{max(two)}")
    some = st.lists(number.map(str), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), number.map(str), span, some)


@given(
    fields=st.tuples(*(field(*one) for one in FIELD)),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_it_is_what_another_implementation_says(fields: tuple[str, ...], now: datetime) -> None:
    text, moment = " ".join(fields), now.replace(second=1, microsecond=0)
    assert parse(text).last(moment.replace(tzinfo=UTC), "UTC") == next(
        CronSim(text, moment, reverse=True)
    ).replace(tzinfo=UTC)
