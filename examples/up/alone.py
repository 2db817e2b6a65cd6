"""Alone: one `make up` at a time of a home, and what a killed one left."""

import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rehearsal import processes

# In the environment of every process that it starts, and of all that those start.
MARK = "SPOTKILN_UP"
Say = Callable[[str], None]


class RunsAlready(Exception):
    """`told` is what the one that runs has told of itself: pid, address, environment."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__("runs already")
        self.told = told


class Home:
    """Its folder, which only this user can read, and the lock in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path / "lock"
        self._told = path / "running.json"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """The system lets go of it when the process ends, in whatever way.

        Raises:
            RunsAlready: another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        with self._lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunsAlready(self._read()) from None
            os.environ[MARK] = str(self.path)
            self._told.unlink(missing_ok=True)
            try:
                self.tell({"pid": os.getpid()})
                yield
            finally:
                self._told.unlink(missing_ok=True)

    def tell(self, what: dict[str, Any]) -> None:
        """For the next one that comes."""
        new = self._told.with_suffix(".new")
        new.write_text(json.dumps(what))
        new.replace(self._told)

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            return dict(json.loads(self._told.read_text()))
        return {}

    def clear(self, say: Say, patience: Callable[[int], None] | None = None) -> None:
        """End what a killed one left. `patience` waits for the worker, by its pid, that was told to
        leave: it has runs that are worth more than a quick start."""
        left = processes.marked(MARK, str(self.path))
        if not left:
            return
        say(f"the last one was killed: ending what it left ({len(left)} processes)")
        workers = [pid for pid, command in left.items() if "spotkiln worker" in command]
        for pid in workers if patience else []:
            assert patience is not None
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
                patience(pid)
        processes.kill(MARK, str(self.path))
