"""Followed: a run from its start to its end, told by its stages."""

import itertools
import time
from collections.abc import Callable
from typing import Any

from rehearsal.runs import Runs

RUN_SECONDS = 1800


class Stages:
    """Tells the stages of a run as they begin, and how long those of that name took."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._start = time.monotonic()
        self._at: list[tuple[str, float]] = []

    def begin(self, name: str) -> None:
        self._at.append((name, time.monotonic() - self._start))
        self._say(f"      {self._at[-1][1]:5.0f} s  {name}")

    def seconds(self, part: str) -> float:
        pairs = itertools.pairwise([*self._at, ("end", time.monotonic() - self._start)])
        return sum(after - at for (name, at), (_, after) in pairs if part in name)


def follow(
    runs: Runs, flow: str, app: str, given: dict[str, Any], say: Callable[[str], None]
) -> tuple[dict[str, Any], Stages]:
    """Start `flow/app` with these parameters. Its row in the table of the application's releases,
    and its stages, once it has ended."""
    run = runs.start(f"{flow}/{app}", given)
    stages = Stages(say)
    for name in runs.follow(run, timeout_seconds=RUN_SECONDS):
        stages.begin(name)
    return runs.latest_row(f"releases-{app}", run), stages
