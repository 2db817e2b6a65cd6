"""Seen: what a rehearsal saw, as it is written down. Times in seconds, memory in kB."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from pydantic import Field

from rehearsal.traffic import Page, Traffic
from spotkiln.bake.app import App
from spotkiln.noun import Noun

MONOTONIC = 1_000_000


class Server(Noun):
    """One server from the inside. `state`, `exposure` (0 is the best, 10 the worst), `denied` (what
    it was refused, in its own words) and `said` are by unit; `wrote` are files with their bytes."""

    instance: str
    memory: dict[str, int] = Field(default_factory=dict)
    state: dict[str, dict[str, str]] = Field(default_factory=dict)
    exposure: dict[str, float] = Field(default_factory=dict)
    denied: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    said: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    wrote: dict[str, int] = Field(default_factory=dict)

    def started(self, unit: str) -> float | None:
        """When the unit's process began, of the monotonic clock, which machines share with us."""
        at = self.state.get(unit, {}).get("ExecMainStartTimestampMonotonic", "")
        return int(at) / MONOTONIC if at.isdigit() and int(at) else None


def parse(instance: str, text: str) -> Server:
    """What look.sh says."""
    memory: dict[str, int] = {}
    state: dict[str, dict[str, str]] = {}
    exposure: dict[str, float] = {}
    lines: dict[str, dict[str, list[str]]] = {"denied": {}, "said": {}}
    wrote: dict[str, int] = {}
    for line in text.splitlines():
        match line.split("\t"):
            case ["memory", unit, amount]:
                memory[unit] = int(amount)
            case ["state", unit, key, value]:
                state.setdefault(unit, {})[key] = value
            case ["exposure", unit, level] if level:
                exposure[unit] = float(level)
            case ["denied" | "said" as kind, unit, words]:
                lines[kind].setdefault(unit, []).append(words)
            case ["wrote", path, size]:
                wrote[path] = int(size)
    return Server(
        instance=instance,
        memory=memory,
        state=state,
        exposure=exposure,
        denied={unit: tuple(words) for unit, words in lines["denied"].items()},
        said={unit: tuple(words) for unit, words in lines["said"].items()},
        wrote=wrote,
    )


class End(StrEnum):
    WELL = "well"
    FAILED = "failed"
    SKIPPED = "not tried"


class Scene(Noun):
    """`told` says what happened, or why it failed or was not tried. Requests that failed up to
    `tolerated` seconds after its begin do not count against it: what they need was away."""

    name: str
    end: End
    told: str = ""
    seconds: float = 0.0
    traffic: Traffic | None = None
    tolerated: float = 0.0


class Life(Noun):
    """One server from the outside. `boot`: from its launch to its first answer, `start`: from its
    start command to that. `drain`: from its deregistration until the load balancer had let go of
    it. None: not seen."""

    instance: str
    boot: float | None = None
    start: float | None = None
    drain: float | None = None


class Written(NamedTuple):
    files: int
    bytes: int


class Seen(Noun):
    """All of one rehearsal. `at_rest` and `under_load` are the most that a server's unit had.
    `stopped`: how long the application took from SIGTERM to its end, under load; `sick_without`:
    the services without which its servers were unhealthy. `given` are the names of the settings in
    its file."""

    app: App
    kind: str = ""
    commit: str = ""
    machines: str = ""
    seconds: float = 0.0
    scenes: tuple[Scene, ...] = ()
    pages: tuple[Page, ...] = ()
    lives: tuple[Life, ...] = ()
    at_rest: dict[str, int] = Field(default_factory=dict)
    under_load: dict[str, int] = Field(default_factory=dict)
    servers: tuple[Server, ...] = ()
    stopped: float | None = None
    sick_without: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    not_real: str = ""

    @property
    def failed(self) -> tuple[Scene, ...]:
        return tuple(one for one in self.scenes if one.end is End.FAILED)


def most(amounts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Of each unit the most that any had."""
    found: dict[str, int] = {}
    for one in amounts:
        for unit, amount in one.items():
            found[unit] = max(amount, found.get(unit, 0))
    return found


def refused(seen: Seen) -> list[tuple[str, str]]:
    """Unit and line of all that any server was refused, each once."""
    return sorted(
        {
            (unit, line)
            for server in seen.servers
            for unit, lines in server.denied.items()
            for line in lines
        }
    )


def written(seen: Seen) -> dict[str, Written]:
    """Where the servers wrote, by folder: those of the application as deep as `writable` names
    them, all others three deep. Of each the most that one server has."""
    home = PurePosixPath("/srv", seen.app.name, seen.app.folder)
    named = [home / one for one in seen.app.writable]
    found: dict[str, Written] = {}
    for server in seen.servers:
        own: dict[str, list[int]] = {}
        for path, size in server.wrote.items():
            own.setdefault(_folder(PurePosixPath(path), home, named), []).append(size)
        for where, sizes in own.items():
            count = Written(len(sizes), sum(sizes))
            found[where] = max(count, found.get(where, count))
    return dict(sorted(found.items()))


def _folder(path: PurePosixPath, home: PurePosixPath, named: list[PurePosixPath]) -> str:
    inside = next((one for one in named if path.is_relative_to(one)), None)
    if inside is not None:
        return str(inside)
    depth = len(home.parts) + 1 if path.is_relative_to(home) else 4
    return str(PurePosixPath(*path.parent.parts[:depth]))


def writes_freely(path: str, app: App) -> bool:
    """Whether it may write there on purpose: folders it named, its state, what a restart clears."""
    home = PurePosixPath("/srv", app.name, app.folder)
    free = [str(home / one) for one in app.writable]
    free += [f"/var/lib/{app.name}", f"/var/log/{app.name}", "/tmp", "/var/tmp"]  # noqa: S108
    return any(PurePosixPath(path).is_relative_to(one) for one in free)
