"""What tests cost in processor time, by folder, with all that they have started: METER=1."""

import os
import resource
from collections import defaultdict
from collections.abc import Mapping

from tests.started import Process, started


def spent_here() -> float:
    """By this process and those of its children that have ended."""
    both = [resource.getrusage(x) for x in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


class Meter:
    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._lost = 0.0
        self._alive: Mapping[int, Process] = {}
        self._total = 0.0
        self.folders: defaultdict[str, float] = defaultdict(float)

    def read(self, folder: str) -> None:
        """What was spent since the last time belongs to this folder."""
        total = self.total(spent_here(), started(self._mark))
        self.folders[folder] += total - self._total
        self._total = total

    def total(self, here: float, alive: Mapping[int, Process]) -> float:
        """Of all until now. What a daemon took is lost with it, as nobody waits for its end: what
        it had taken the last time is kept."""
        for pid, one in self._alive.items():
            if pid not in alive and one.parent == 1:
                self._lost += one.seconds
        self._alive = alive
        return here + self._lost + sum(one.seconds for one in alive.values())


def asked() -> bool:
    return bool(os.environ.get("METER"))


def table(folders: Mapping[str, float]) -> list[str]:
    """The most expensive first."""
    lines = sorted(folders.items(), key=lambda one: -one[1])
    total = sum(folders.values())
    return [f"{seconds:7.0f} s  {folder}" for folder, seconds in (*lines, ("in all", total))]
