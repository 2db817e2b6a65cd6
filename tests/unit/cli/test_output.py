"""What the command writes, byte for byte: in a pseudo-terminal and in a pipe."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import Any

import pytest

from tests.unit.nouns import ROOT

pytestmark = pytest.mark.programs

COLUMNS = 40
TABLE = """
from spotkiln.cli.output import columns, show
why = "no key pair 'demo': [bold]make[/bold] one :boom:"
rows = [("ok", "Prefect", ""), ("NOT OK", "shop", why)]
show(None, "shop: 2 of 3 healthy", "", columns(["", "OF", "FOUND"], rows), as_json=False)
"""
FOLLOWED = """
from spotkiln.cli.output import tell, voice
with voice() as telling:
    telling.stage("bake")
    telling.line("12:00:00 [up] all is well")
    telling.passing("commit 3f2a91c [x]", "12:00:00 commit 3f2a91c [x]")
    telling.progress("health gate", 40.0)
    telling.progress("health gate", 40.0)
    telling.line("12:00:01 ERROR: no room", "ERROR")
    telling.progress("health gate", 100.0)
tell("released")
"""


def environment(**changes: str) -> dict[str, str]:
    kept = {x: y for x, y in os.environ.items() if x not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    return {**kept, "TERM": "xterm-256color", "COLORTERM": "", "LANG": "C.UTF-8", **changes}


def in_a_pipe(program: str, **changes: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def in_a_terminal(program: str, **changes: str) -> str:
    """What it writes to a terminal of 40 columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    given: dict[str, Any] = {"stdin": its, "stdout": its, "stderr": its}
    child = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment(**changes), **given
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
    assert child.wait(60) == 0
    return found.decode().replace("\r\n", "\n")


def test_a_table_in_a_pipe_is_plain_lines() -> None:
    assert in_a_pipe(TABLE) == (
        "shop: 2 of 3 healthy\n"
        "\n"
        "        OF       FOUND\n"
        "ok      Prefect  -\n"
        "NOT OK  shop     no key pair 'demo': [bold]make[/bold] one :boom:\n"
    )


def test_a_table_in_a_terminal_has_colours_and_fits() -> None:
    assert in_a_terminal(TABLE) == (
        "shop: 2 of 3 healthy\n"
        "\n"
        "\x1b[1m      \x1b[0m\x1b[1m  \x1b[0m\x1b[1mOF     \x1b[0m\x1b[1m  \x1b[0m"
        "\x1b[1mFOUND                  \x1b[0m\n"
        "\x1b[32mok    \x1b[0m  Prefect  -\n"
        "\x1b[1;31mNOT OK\x1b[0m  shop     no key pair 'demo':\n"
        "                 [bold]make[/bold] one\n"
        "                 :boom:\n"
    )


def test_whoever_wants_no_colours_gets_none() -> None:
    found = in_a_terminal(TABLE, NO_COLOR="1")
    assert "\x1b[32m" not in found
    assert "\x1b[1;31m" not in found
    assert "\x1b" not in in_a_terminal(TABLE, TERM="dumb")


def test_a_run_in_a_pipe_is_lines_and_each_progress_once() -> None:
    assert in_a_pipe(FOLLOWED) == (
        "12:00:00 [up] all is well\n"
        "12:00:00 commit 3f2a91c [x]\n"
        "health gate: 40 %\n"
        "12:00:01 ERROR: no room\n"
        "health gate: 100 %\n"
        "released\n"
    )


def test_so_is_one_in_a_terminal_that_cannot_move_its_cursor() -> None:
    assert in_a_terminal(FOLLOWED, TERM="dumb") == in_a_pipe(FOLLOWED)


def test_a_run_in_a_terminal_has_a_live_line_below_its_lines() -> None:
    found = in_a_terminal(FOLLOWED)
    assert re.search(r"health gate .*40 %", found)
    assert "\x1b[31m12:00:01 ERROR: no room\x1b[0m" in found
    # When it has ended that line is gone, and the others stay in their order.
    seen = screen(found)
    assert seen == ["12:00:00 [up] all is well", "12:00:01 ERROR: no room", "released"]


def screen(text: str) -> list[str]:
    """What the terminal shows in the end: as much of one as rich's bar needs."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\n\r]+", text):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part.endswith("A"):
            row -= int(part[2:-1] or 1)
        elif part[0] != "\x1b" and part != "\r":
            lines[row] += part
    return [line for line in lines if line]


def test_json_is_json_in_both() -> None:
    program = "from spotkiln.cli.output import show; show({'a': 1}, 'text', as_json=True)"
    expected = '{\n  "a": 1\n}\n'
    assert (in_a_pipe(program), in_a_terminal(program)) == (expected, expected)


@pytest.mark.parametrize("cells", [0, 1, 250])
def test_a_table_of_any_width_is_one_line_a_row_in_a_pipe(cells: int) -> None:
    program = (
        "from spotkiln.cli.output import columns, show\n"
        f"show(None, columns(['A', 'B'], [('x' * 300, 'y' * 300)] * {cells}), as_json=False)"
    )
    found = in_a_pipe(program).splitlines()
    assert len(found) == 1 + cells
    assert {len(line) for line in found[1:]} <= {602}
