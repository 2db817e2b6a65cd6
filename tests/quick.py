"""`make quick`: format, lint, types and the pure tests, side by side.

The tests go as some runs of pytest, each with a share of the folders: two for each core, because a
third of their time is waiting. With pytest-xdist each process would collect all tests, and tell
another one of each: a third of the time of tests that take a millisecond.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "tests" / "unit"
# What a run must import costs four seconds: more runs would win little.
MOST = 4
# What takes longer than its size says: Prefect, AWS's client and the command's parsers do. In
# seconds; what is not named takes one for BYTES.
SECONDS = {
    "cli": 18,
    "release": 15,
    "aws": 12,
    "bake": 10,
    "prefect_api": 7,
    "start": 6,
    "account": 4,
}
BYTES = 60_000


class Share(NamedTuple):
    paths: list[Path]
    seconds: float


def files_below(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("test_*.py"))


def seconds(path: Path) -> float:
    """What its tests take, about; 0 if it has none."""
    files = files_below(path)
    return SECONDS.get(path.name, sum(one.stat().st_size for one in files) / BYTES) if files else 0


def shares(folder: Path, number: int) -> list[list[Path]]:
    """What is in the folder, in parts that take about equally long. Longest first, each to whoever
    has least."""
    costs = {
        one: seconds(one) for one in folder.iterdir() if one.is_dir() or one.match("test_*.py")
    }
    found = [Share([], 0)] * number
    for path, cost in sorted(costs.items(), key=lambda one: (-one[1], one[0])):
        if cost:
            least = min(found, key=lambda one: one.seconds)
            found[found.index(least)] = Share([*least.paths, path], least.seconds + cost)
    return [one.paths for one in found if one.paths]


class Job:
    """A program whose words are kept until it has ended."""

    def __init__(self, name: str, *command: str) -> None:
        self.name = name
        self._said: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it is read when the program has ended
        self.program = subprocess.Popen(
            command, cwd=ROOT, stdout=self._said, stderr=subprocess.STDOUT
        )

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace").rstrip()


def summary(said: str) -> str:
    """Its last line, or pytest's own: a library may still say something when that has ended."""
    lines = said.splitlines() or ["ok"]
    return next((one for one in reversed(lines) if " passed" in one), lines[-1])


def end_of(jobs: Sequence[Job]) -> int:
    """All that a job has said if it failed, else its summary. How many failed."""
    left, failed = list(jobs), 0
    while left:
        for job in [one for one in left if one.program.poll() is not None]:
            left.remove(job)
            wrong = job.program.returncode != 0
            failed += wrong
            print(job.said() if wrong else f"{job.name}: {summary(job.said())}", flush=True)
        time.sleep(0.1)
    return failed


def main() -> int:
    bin_folder = Path(sys.executable).parent
    jobs = [
        Job("format", str(bin_folder / "ruff"), "format", "--check", "-q", "."),
        Job("lint", str(bin_folder / "ruff"), "check", "-q", "."),
        Job("types", str(bin_folder / "mypy")),
    ]
    number = min(MOST, 2 * len(os.sched_getaffinity(0)))
    for paths in shares(UNIT, number):
        these = [str(one.relative_to(ROOT)) for one in paths]
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-m", "not programs"]
        jobs.append(Job("tests", *pytest, *these))
    try:
        return 1 if end_of(jobs) else 0
    except KeyboardInterrupt:
        # They have been told as well.
        for job in jobs:
            job.program.wait()
        return 130


if __name__ == "__main__":
    sys.exit(main())
