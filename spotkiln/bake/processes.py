"""Processes: what an application runs beside its web process, and by the clock."""

import re
from enum import StrEnum

from pydantic import Field, field_validator

from spotkiln.bake.shell import ONE_LINE, START, why_not_one_command
from spotkiln.noun import ShownNoun, left_open

NAME = r"^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$"
# Names of units that a machine has in any case, or will have, behind the application's own name.
RESERVED = frozenset(
    {
        "config",
        "folders",
        "console",
        "health",
        "hostname",
        "interruption",
        "logs",
        "migrate",
        "mounts",
        "processes",
        "role",
        "services",
        "run",
        "task",
        "tester",
        "web",
    }
)
# How long a start may take that is told, and how long a process runs until it counts as started if
# it cannot tell.
TOLD_SECONDS, UNTOLD_SECONDS = 90, 15
# What systemd.time(7) builds a calendar expression of. systemd-analyze knows more.
_PART = r"[0-9*,./~-]+"
_DAY = (
    r"(?:[Mm]on(?:day)?|[Tt]ue(?:sday)?|[Ww]ed(?:nesday)?|[Tt]hu(?:rsday)?|[Ff]ri(?:day)?"
    r"|[Ss]at(?:urday)?|[Ss]un(?:day)?)"
)
_DAYS = rf"{_DAY}(?:(?:\.\.|[,-]){_DAY})*,?"
_WORDS = "minutely|hourly|daily|weekly|monthly|quarterly|semiannually|yearly|annually"
CALENDAR = (
    rf"^(?:(?:{_WORDS})|(?:{_DAYS} ?)?(?:{_PART}-{_PART})?(?: ?{_PART}:{_PART}(?::{_PART})?)?)"
    r"(?: (?:UTC|[A-Z][A-Za-z_]+(?:/[A-Za-z_+-]+){1,2}))?$"
)
_CRON = r"(?:@\w+|(?:[0-9*,/A-Za-z-]+\s+){4}[0-9*,/A-Za-z-]+)"


class Restart(StrEnum):
    """When a process that has ended is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"


class Process(ShownNoun):
    """A process beside the web process, as spotkiln.yaml says it."""

    start: str = Field(
        description="One command, as the web process's start command.",
        min_length=1,
        json_schema_extra={"pattern": START},
    )
    notify: bool = Field(
        default=False,
        description="Whether it tells systemd when it is ready, as Sidekiq does.",
    )
    start_seconds: int | None = Field(
        default=None,
        description="How long its start takes at most. One that does not tell counts as started "
        f"when it has run for so long. {UNTOLD_SECONDS}; with notify {TOLD_SECONDS}.",
        ge=1,
        le=3600,
        json_schema_extra=left_open(),
    )
    stop_seconds: int = Field(
        default=30,
        description="From SIGTERM to the end: not less than a job that must not be cut off.",
        ge=1,
        le=3600,
    )
    restart: Restart = Field(
        default=Restart.ALWAYS,
        description="always: it is to run as long as the machine. on-failure: once it has ended "
        "with exit status 0 it is done.",
    )
    memory_mb: int | None = Field(
        default=None,
        description="What it and its children may use; beyond that they are ended, and it is "
        "started again. Left out: no limit.",
        ge=16,
        le=4 * 1024 * 1024,
        json_schema_extra=left_open(),
    )
    once: bool = Field(
        default=False,
        description="Runs on one of the target group's servers, and not on each.",
    )

    @field_validator("start")
    @classmethod
    def _is_one_command(cls, command: str) -> str:
        if why := why_not_one_command(command):
            raise ValueError(
                f"expected one command, for systemd runs it as the main process: {why}; "
                "put it into a script of the repository and start that"
            )
        return command.strip()

    def __str__(self) -> str:
        """Such as "bundle exec sidekiq (on one server)"."""
        return f"{self.start} (on one server)" if self.once else self.start

    @property
    def starts_within(self) -> int:
        """`start_seconds`, or its default."""
        return self.start_seconds or (TOLD_SECONDS if self.notify else UNTOLD_SECONDS)


class Timer(ShownNoun):
    """A command that runs by the clock, as spotkiln.yaml says it."""

    run: str = Field(
        description="One line of shell.", min_length=1, json_schema_extra={"pattern": ONE_LINE}
    )
    on: str = Field(
        description="When: a calendar expression of systemd, such as `*-*-* 03:00`, `Mon 06:30` or "
        "`hourly`; in UTC, unless a time zone stands at its end.",
        min_length=1,
        json_schema_extra={"pattern": CALENDAR},
    )
    seconds: int = Field(default=600, description="How long it may take.", ge=1, le=24 * 3600)
    once: bool = Field(
        default=False,
        description="Runs on one of the target group's servers, and not on each.",
    )

    def __str__(self) -> str:
        """Such as "bin/report at *-*-* 03:00 (on one server)"."""
        return f"{self.run} at {self.on}{' (on one server)' if self.once else ''}"

    @field_validator("run")
    @classmethod
    def _is_one_line(cls, command: str) -> str:
        if "\0" in command or not re.search(ONE_LINE, command):
            raise ValueError("expected one line, got several: join its commands with &&")
        if not command.strip():
            raise ValueError("expected a command, got blanks")
        return command.strip()

    @field_validator("on")
    @classmethod
    def _is_a_time(cls, when: str) -> str:
        if why := why_no_calendar(when):
            raise ValueError(why)
        return when.strip()


def why_no_calendar(when: str) -> str:
    """Why systemd would not take it as a time, as far as can be told without systemd."""
    when = when.strip()
    if when and re.fullmatch(CALENDAR[1:-1], when):
        return ""
    such = "such as `*-*-* 03:00`, `Mon 06:30`, `*:0/15` or `hourly`"
    if re.fullmatch(_CRON, when):
        return f"expected a calendar expression of systemd, {such}; this is cron's"
    return f"expected a calendar expression of systemd, {such}; systemd.time(7) has them all"


def why_no_name(name: str) -> str:
    """Why no process and no timer can have this name; empty if one can."""
    if name == "web":
        return "the web process is what `start` at the top of the file starts"
    if name in RESERVED:
        return f"a unit of every machine is called so; {', '.join(sorted(RESERVED))} are taken"
    if not re.search(NAME, name):
        return "lower-case letters, digits and dashes are what a name may have, 20 at most"
    return ""
