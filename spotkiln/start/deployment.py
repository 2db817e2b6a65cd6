"""Deployment: an application as Prefect knows it, with the settings that its releases run with."""

from typing import Any
from uuid import UUID

from spotkiln.noun import Noun

RELEASE = "release"
ROLLBACK = "rollback"
# Of each of these two there is one, of the same name.
RECONCILE = "reconcile"
NIGHTLY = "nightly"
# One for all applications: `run/command`.
RUN, COMMAND = "run", "command"
# One for all applications: `retire/application`.
RETIRE, APPLICATION = "retire", "application"
# How a person names one: with its flow or without. Prefect allows no slash in a name.
NAME = rf"^({RELEASE}/)?[^/\s]([^/]*[^/\s])?$"
NAME_IN_WORDS = "the name of a release's deployment, such as shop"
# Beside release/NAME: makes environments for branches.
PREVIEW = "preview"
# The work pool that prefect.yaml names.
POOL = "spotkiln"
# The work queue of what must not wait for a slot: rollbacks and reconcile (prefect.yaml).
URGENT = "urgent"


class Deployment(Noun):
    """`name` is the flow's and its own: `release/shop`. `ready`: whether a worker polls its pool;
    None if Prefect does not say. `schedules` is how many are active."""

    id: UUID
    name: str
    pool: str = ""
    queue: str = ""
    ready: bool | None = None
    paused: bool = False
    schedules: int = 0
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies defaults

    @property
    def flow(self) -> str:
        """The name of its flow: `release`."""
        return self.name.partition("/")[0]

    @property
    def short(self) -> str:
        """Its own name, without the flow's: `shop`."""
        return self.name.partition("/")[2]

    def at_ref(self, ref: str) -> "Deployment":
        """The same with another git ref; empty: the same."""
        if not ref:
            return self
        return self.model_copy(update={"parameters": {**self.parameters, "ref": ref}})
