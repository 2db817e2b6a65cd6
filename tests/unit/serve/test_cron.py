"""When a time of cron's was last."""

from datetime import UTC, datetime

import pytest

from spotkiln.serve.cron import last, require

# A Thursday.
NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "told"),
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
        # Both kinds of day, which come together in some years only.
        ("14 14 */7 1 4", "UTC", "2026-01-29T14:14"),
        # Half past two is skipped on that day in spring.
        ("30 2 29 3 *", "Europe/Berlin", "2026-03-29T01:30"),
    ],
)
def test_when_it_was_last(text: str, zone: str, told: str) -> None:
    assert last(text, NOW, zone) == datetime.fromisoformat(f"{told}+00:00")


@pytest.mark.parametrize(
    "text",
    ["", "0 8 * *", "0 8 * * * *", "60 8 * * *", "0 24 * * *", "0 8 0 * *", "0 8 * 13 *",
     "0 8 * * 8", "0 8 * * mo", "0 8 5-1 * *", "*/0 * * * *", "0 8 L * *", "0 8 LW * *",
     "0 8 * * 5L", "0 8 * * 5#2", "@daily", "x * * * *"],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        require(text)


def test_a_day_that_never_comes() -> None:
    with pytest.raises(ValueError, match="there is no such day: '0 0 31 2 \\*'"):
        require("0 0 31 2 *")
