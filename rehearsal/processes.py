"""Processes: those that have a mark in their environment, as all have that were started below the
one that set it, however they were started and whoever of their parents has ended."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
END_SECONDS = 10.0


def has(environment: bytes, name: str, value: str) -> bool:
    """Whether an environment, as /proc tells it, has the mark."""
    return f"{name}={value}".encode() in environment.split(b"\0")


def _by_proc(name: str, value: str) -> dict[int, str]:
    found = {}
    for process in PROC.glob("[0-9]*"):
        # Others' processes cannot be looked into, and are none of ours.
        with suppress(OSError):
            if has((process / "environ").read_bytes(), name, value):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(process.name)] = command.decode(errors="replace").strip()
    return found


def listed(text: str, name: str, value: str) -> dict[int, str]:
    """From what `ps` writes where there is no /proc: id, command and environment in a line each."""
    found = {}
    for line in text.splitlines():
        pid, _, rest = line.strip().partition(" ")
        if pid.isdigit() and f" {name}={value} " in f"{rest} ":
            found[int(pid)] = rest.strip()
    return found


def _by_ps(name: str, value: str) -> dict[int, str]:
    command = ["ps", "-axwwE", "-o", "pid=,command="]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, timeout=30
    )
    return listed(done.stdout, name, value)


def marked(name: str, value: str) -> dict[int, str]:
    """Their commands, by id. This process is not among them."""
    found = _by_ps(name, value) if sys.platform == "darwin" else _by_proc(name, value)
    found.pop(os.getpid(), None)
    return found


def kill(name: str, value: str) -> None:
    """End them, and what they start meanwhile.

    Raises:
        RuntimeError: some are still there.
    """
    deadline = time.monotonic() + END_SECONDS
    while left := marked(name, value):
        if time.monotonic() > deadline:
            raise RuntimeError(f"cannot be ended: {left}; end them by `kill -9 PID`")
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
