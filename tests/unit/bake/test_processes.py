"""What runs beside the web process, and by the clock."""

import shutil
import subprocess

import pytest
from pydantic import ValidationError

from spotkiln.bake.description import Description
from spotkiln.bake.processes import Process, Timer, why_no_calendar

TIMES = [
    "daily",
    "*-*-* 03:00",
    "Mon 06:30",
    "mon..fri 10:00",
    "Mon,Tue *-*-01..04 12:00:00",
    "*:0/15",
    "*:*:0/10",
    "*-*-* *:00:00",
    "*-05~03/1",
    "2030-03-05 05:40",
    "weekly UTC",
    "*-*-* 03:00 Europe/Berlin",
    "Sunday 4:00 America/Argentina/Buenos_Aires",
    "*-*-*",
    "Sat",
]
NO_TIMES = [
    "0 3 * * *",
    "@daily",
    "every day",
    "",
    " ",
    "-",
    "daily 03:00",
    "1:2:3:4",
    "%h",
    "a\nb",
]


@pytest.mark.parametrize("when", TIMES)
def test_a_time_of_systemd(when: str) -> None:
    assert Timer(run="true", on=when).on == when


@pytest.mark.parametrize("when", NO_TIMES)
def test_no_time_of_systemd(when: str) -> None:
    with pytest.raises(ValidationError):
        Timer(run="true", on=when)


def test_crons_way_is_told_apart() -> None:
    assert "this is cron's" in why_no_calendar("*/5 * * * 1-5")
    assert "this is cron's" in why_no_calendar("@hourly")
    assert "this is cron's" not in why_no_calendar("at noon")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("when", [*TIMES, *filter(None, map(str.strip, NO_TIMES))])
def test_systemd_says_the_same(when: str) -> None:
    said = subprocess.run(
        ["systemd-analyze", "calendar", "--", when], capture_output=True, check=False
    )
    assert (said.returncode == 0) == (not why_no_calendar(when))


def test_how_long_a_start_may_take_depends_on_who_tells() -> None:
    assert Process(start="a").starts_within == 15
    assert Process(start="a", notify=True).starts_within == 90
    assert Process(start="a", notify=True, start_seconds=5).starts_within == 5


@pytest.mark.parametrize("command", ["a\nb", "a\rb", "a\0b", " "])
def test_what_a_timer_runs_is_one_line(command: str) -> None:
    with pytest.raises(ValidationError):
        Timer(run=command, on="daily")
    assert Timer(run=" a && b | c\n", on="daily").run == "a && b | c"


@pytest.mark.parametrize("name", ["worker", "w", "mail-2", "a" * 20])
def test_a_name(name: str) -> None:
    assert Description(processes={name: Process(start="a")}).processes


@pytest.mark.parametrize(
    "name", ["web", "role", "migrate", "-a", "a-", "A", "1", "a_b", "a" * 21, ""]
)
def test_no_name(name: str) -> None:
    with pytest.raises(ValidationError, match="expected another name"):
        Description(processes={name: Process(start="a")})
    with pytest.raises(ValidationError, match="expected another name"):
        Description(timers={name: Timer(run="a", on="daily")})
