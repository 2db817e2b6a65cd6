"""The command as its own process, in a pipe and in a pseudo-terminal of 100 columns."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping

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
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    child = subprocess.Popen(
        _command(arguments), cwd=ROOT, env=environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    found = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's word for: the other end is closed.
            break
        if not part:
            break
        found += part
    os.close(ours)
    code = child.wait(120)
    return f"{_screen(found.decode())}-- ends with {code}\n"


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
