"""Another program, for a limited time."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from spotkiln import process

pytestmark = pytest.mark.programs

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def run(folder: Path, script: str, *, timeout: float = 20, given: bytes = b"") -> process.Finished:
    return process.run(
        ["sh", "-c", script],
        folder=folder,
        environment=ENVIRONMENT,
        timeout_seconds=timeout,
        given=given,
    )


def test_what_it_says_and_how_it_ends(tmp_path: Path) -> None:
    done = run(tmp_path, "cat; pwd >&2; printf '\\351'; exit 3", given=b"given ")
    assert done == process.Finished(3, b"given \xe9", f"{tmp_path}\n".encode())
    assert run(tmp_path, "kill -9 $$").code == -9


def test_a_program_that_takes_too_long_takes_its_children_with_it(tmp_path: Path) -> None:
    # The child ignores what a terminal sends, and is seen to live by the file that it writes to.
    script = 'trap "" HUP INT TERM; (while :; do date +%N >beat; sleep 0.05; done) & wait'
    with pytest.raises(subprocess.TimeoutExpired):
        run(tmp_path, script, timeout=2)
    beat = tmp_path / "beat"
    assert beat.exists()
    time.sleep(0.1)
    last = beat.read_text()
    time.sleep(0.4)
    assert beat.read_text() == last


def test_a_child_that_stays_is_not_waited_for(tmp_path: Path) -> None:
    """As ssh leaves a connection for the next command, with our output open."""
    start = time.monotonic()
    assert run(tmp_path, "sleep 7 & echo done").output == b"done\n"
    assert time.monotonic() - start < 5
