"""Run: a flow run as Prefect tells of it, and the lines of its log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from spotkiln.noun import Noun

# Prefect's types of states.
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
SCHEDULED, PAUSED, COMPLETED = "SCHEDULED", "PAUSED", "COMPLETED"


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


class Line(Noun):
    """One line of a run's log."""

    id: UUID = Field(exclude=True)
    time: datetime
    level: str
    text: str

    def __str__(self) -> str:
        level = "" if self.level == "INFO" else f"{self.level}: "
        return f"{self.time:%H:%M:%S} {level}{self.text}"
