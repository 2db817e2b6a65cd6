"""Leash: whatever way a rehearsal ends, nothing of it stays; what a killed one left, the next one
of the same home removes."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rehearsal import processes
from rehearsal.prefect_local import ROOT
from spotkiln.errors import InputError

# In the environment of every process that a rehearsal starts, and of all that those start.
MARK = "SPOTKILN_REHEARSAL"
DOWN_SECONDS = 120
LOG_LINES = 20
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def clear(home: Path, *, files: bool = True) -> None:
    """Remove all that a rehearsal of this home has left: processes, machines, files."""
    processes.kill(MARK, str(home))
    sandbox = home / "sandbox"
    if sandbox.exists():
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", "down", "--dir", str(sandbox)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DOWN_SECONDS,
            check=False,
        )
        if done.returncode:
            # The folder says what is still to be removed: it stays for the next one.
            raise RuntimeError(f"the sandbox in {sandbox} did not end: {done.stderr.strip()}")
    if files:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One at a time of a home. The system lets go of the lock when the process ends."""
    home.parent.mkdir(parents=True, exist_ok=True)
    lock = home.with_suffix(".lock")
    while True:
        with lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"a rehearsal of this application runs already ({home}): wait for its end, or "
                    "press Ctrl-C there"
                ) from None
            # The one before may have removed the very file that was opened.
            if not lock.exists() or os.fstat(file.fileno()).st_ino != lock.stat().st_ino:
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def with_log(words: str, home: Path) -> str:
    """An error that names a log below `home`, with its last lines: the log itself goes."""
    for log in sorted(home.rglob("*.log")):
        if str(log) in words:
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            words += "\n" + "\n".join(lines)
    return words


def _end(number: int, _: object) -> None:
    """Once: the way out has bounds of its own, and must not be cut off half-way."""
    _be_deaf()
    # Machines take their time to go, most of all on a busy machine.
    with suppress(OSError):
        os.write(2, b"interrupted: removing all that was started ...\n")
    raise SystemExit(128 + number)


def _be_deaf() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def leash(home: Path, *, keep_files: bool = False) -> Iterator[None]:
    """For as long as the block runs. Ctrl-C, SIGTERM and SIGHUP end it once; while it is cleaned up
    they are not heard. `keep_files`: its logs stay until the next one of this home."""
    with _alone(home):
        clear(home)
        os.environ[MARK] = str(home)
        before = {number: signal.signal(number, _end) for number in SIGNALS}
        try:
            home.mkdir(mode=0o700)
            yield
        finally:
            _be_deaf()
            clear(home, files=not keep_files)
            del os.environ[MARK]
            for number, handler in before.items():
                signal.signal(number, handler)
