"""The command in a pipe and in a pseudo-terminal of 100 columns: as its own process, or here."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.unit.nouns import ROOT

COLUMNS = 100


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "spotkiln.cli.main", *arguments]


def in_a_pipe(environment: Mapping[str, str], *arguments: str) -> str:
    """What it writes to both streams, and its exit code."""
    done = subprocess.run(
        _command(arguments), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    return f"{done.stdout}-- stderr\n{done.stderr}-- ends with {done.returncode}\n"


def in_a_terminal(environment: Mapping[str, str], *arguments: str) -> str:
    """What a person sees in the end, with the colours in words, and its exit code."""
    ours, its = _opened()
    child = subprocess.Popen(
        _command(arguments), cwd=ROOT, env=environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    found = _read(ours)
    code = child.wait(120)
    return f"{_screen(found)}-- ends with {code}\n"


def in_a_terminal_here(run: Callable[[], int]) -> str:
    """The same of a call in this process."""
    ours, its = _opened()
    with ThreadPoolExecutor(1) as reader, pytest.MonkeyPatch.context() as patched:
        reading = reader.submit(_read, ours)
        # rich looks for the size of this process's own terminal.
        patched.setenv("COLUMNS", str(COLUMNS))
        patched.setenv("TERM", "xterm-256color")
        patched.delenv("NO_COLOR", raising=False)
        with os.fdopen(its, "w") as stream:
            patched.setattr(sys, "stdout", stream)
            patched.setattr(sys, "stderr", stream)
            code = run()
        return f"{_screen(reading.result())}-- ends with {code}\n"


def in_a_pipe_here(run: Callable[[], int]) -> str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", out := io.StringIO())
        patched.setattr(sys, "stderr", errors := io.StringIO())
        code = run()
    return f"{out.getvalue()}-- stderr\n{errors.getvalue()}-- ends with {code}\n"


def _opened() -> tuple[int, int]:
    """This end and the other one."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    return ours, its


def _read(ours: int) -> str:
    """Until the other end is closed."""
    found = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's word for it.
            break
        if not part:
            break
        found += part
    os.close(ours)
    return found.decode()


COLOURS = {"\x1b[32m": "<green>", "\x1b[31m": "<red>", "\x1b[1;31m": "<bold red>"}
COLOURS |= {"\x1b[33m": "<yellow>", "\x1b[1m": "<bold>", "\x1b[0m": "</>"}


def _screen(text: str) -> str:
    """The lines that stay: as much of a terminal as rich's live line needs."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\n\r]+", text):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part.startswith("\x1b[") and part.endswith("A"):
            row -= int(part[2:-1] or 1)
        elif part in COLOURS:
            lines[row] += COLOURS[part]
        elif part[0] != "\x1b" and part != "\r":
            lines[row] += part
    return "".join(f"{line.rstrip()}\n" for line in lines).rstrip("\n") + "\n"
