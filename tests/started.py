"""The processes that tests have started, wherever they are by now: each has a mark in its
environment that pytest's own process has put there.

As a program it waits until pytest's process has ended, however that came about, and ends what is
left: a test run that is killed would else leave servers, sandboxes and workers behind, which take
processor time from the next one.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

NAME = "SPOTKILN_TESTS"
TICKS = os.sysconf("SC_CLK_TCK")
# Docker's are for all: whoever needs them first starts them, and leaves them for the others.
FOR_ALL = ("dockerd", "containerd")
# A sandbox removes its machines, a worker ends its runs.
PATIENCE_SECONDS = 20.0


class Process(NamedTuple):
    parent: int
    # Of processor time; with those of its children that have ended.
    seconds: float


def started(mark: str) -> dict[int, Process]:
    """All that live, by process id. None where the system has no /proc."""
    found = {}
    wanted = f"{NAME}={mark}".encode()
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if wanted in (one / "environ").read_bytes().split(b"\0"):
                name, _, rest = (one / "stat").read_text().partition("(")[2].rpartition(")")
                words = rest.split()
                if words[0] != "Z" and not name.startswith(FOR_ALL):
                    spent = sum(map(int, words[11:15])) / TICKS
                    found[int(one.name)] = Process(int(words[1]), spent)
    return found


WATCHERS: "list[subprocess.Popen[bytes]]" = []


def begin() -> str:
    """Mark what this process starts from now on, and have it ended after this process. The mark."""
    mark = os.environ[NAME] = f"{os.getpid()}-{time.time_ns()}"
    # It reads from a pipe that nobody writes to, and that closes with this process.
    WATCHERS.append(
        subprocess.Popen(
            [sys.executable, "-SP", __file__, mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={x: y for x, y in os.environ.items() if x != NAME},
            start_new_session=True,
        )
    )
    return mark


def end_all(mark: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in started(mark):
            with suppress(OSError):
                os.kill(pid, number)
        while started(mark) and time.monotonic() < deadline:
            time.sleep(0.1)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_all(sys.argv[1])
