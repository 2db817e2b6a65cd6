"""Run: a flow run as Prefect tells of it, and the lines of its log."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from spotkiln.noun import Noun

# Prefect's types of states.
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
SCHEDULED, PAUSED, COMPLETED = "SCHEDULED", "PAUSED", "COMPLETED"
CANCELLED = {"CANCELLING", "CANCELLED"}
# The name of the state in which a run waits for the end of a freeze.
FROZEN = "Frozen"


class Run(Noun):
    """`state` is the type of its state, such as SCHEDULED, and `state_name` the state's own name,
    such as Late. `pause_key` and `pause_ends` are those of the pause in which it is, if it is in
    one. `seconds` is how long it has run. Times are UTC."""

    id: str
    created: datetime
    state: str
    state_name: str = ""
    message: str = ""
    name: str = ""
    deployment: str = ""
    pool: str = ""
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies defaults
    pause_key: str = ""
    pause_ends: datetime | None = None
    seconds: float = 0.0

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL

    @property
    def frozen(self) -> bool:
        """Whether it waits for the end of a freeze; its message says until when."""
        return self.state == SCHEDULED and self.state_name == FROZEN


class LogSource(StrEnum):
    """Of whom a line of a run's log is: the end of its logger's name. A stage's first line has its
    name, its last one how long it took."""

    OURS = "ours"
    PACKER = "packer"
    # What a command says that has a machine of its own.
    COMMAND = "command"
    STAGE = "stage"
    STAGE_END = "stage-end"


# What Prefect itself logs of a run. After an error it is a traceback; the run's ending tells the
# cause.
OF_PREFECT = re.compile(
    r"Finished in state |Created task run |Beginning flow run |Worker '|"
    r"Flow run '[^']*' submitted to infrastructure|Running \d+ deployment pull step|"
    r"Executing deployment step: |Deployment step '|All deployment steps completed|"
    r"(?s:.*\nTraceback \(most recent call last\):)|"
    r"(Encountered|Task run|Flow run|Engine execution).*\bexception\b"
)


class Line(Noun):
    """One line of a run's log. Its time is shown as it is here."""

    id: UUID = Field(exclude=True)
    time: datetime
    level: str
    text: str
    source: LogSource = Field(default=LogSource.OURS, exclude=True)

    @property
    def grave(self) -> bool:
        """Whether it is a warning or worse."""
        return self.level not in {"DEBUG", "INFO"}

    @property
    def of_prefect(self) -> bool:
        return bool(OF_PREFECT.match(self.text))

    @property
    def ours(self) -> bool:
        """Whether it is neither Packer's nor Prefect's own."""
        return self.source is not LogSource.PACKER and not self.of_prefect

    def __str__(self) -> str:
        level = "" if self.level == "INFO" else f"{self.level}: "
        return f"{self.time.astimezone():%H:%M:%S} {level}{self.text}"
