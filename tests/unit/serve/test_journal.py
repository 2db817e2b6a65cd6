"""Lines of servers: what is told of them, and from when on."""

from datetime import UTC, datetime, timedelta

import pytest

from spotkiln.errors import InputError
from spotkiln.serve.journal import line_of, since, stream_prefix

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_line_says_when_and_where() -> None:
    line = line_of("1", "shop/web/i-1", 1_769_860_800_007, "GET / 200")
    assert str(line) == "2026-01-31T12:00:00.007Z i-1 web GET / 200"


def test_each_of_several_lines_says_it() -> None:
    line = line_of("1", "shop/web/i-1", 1_769_860_800_000, "one\n  two\n")
    assert str(line).splitlines() == [
        "2026-01-31T12:00:00.000Z i-1 web one",
        "2026-01-31T12:00:00.000Z i-1 web   two",
    ]


def test_what_a_terminal_would_obey_is_left_out() -> None:
    text = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x07 grün"
    assert line_of("1", "shop/web/i-1", 0, text).text == "red   grün"


def test_a_stream_that_others_made_does_no_harm() -> None:
    line = line_of("1", "theirs", 0, "")
    assert (line.unit, line.instance, str(line)) == ("", "", "1970-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("1h", timedelta(hours=1)),
        ("2d", timedelta(days=2)),
        ("2026-01-31T11:30+00:00", timedelta(minutes=30)),
        ("2026-01-31T11:30:00Z", timedelta(minutes=30)),
    ],
)
def test_since_when(text: str, ago: timedelta) -> None:
    assert NOW - since(text, NOW) == ago


def test_a_time_without_a_zone_is_this_machines() -> None:
    local = datetime(2026, 1, 31, 12).astimezone()
    assert since("2026-01-31T12:00", NOW) == local


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1w", "yesterday", "1.5h", "999999d"])
def test_another_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a time such as 30m"):
        since(text, NOW)


def test_streams_are_found_by_what_their_names_begin_with() -> None:
    assert (stream_prefix("shop"), stream_prefix("shop", "web")) == ("shop/", "shop/web/")
    with pytest.raises(InputError, match="expected a unit's name"):
        stream_prefix("shop", "a/b")
