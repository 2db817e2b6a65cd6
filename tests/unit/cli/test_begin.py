"""Ctrl-C in the first second, while Python still reads what a command needs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

pytestmark = pytest.mark.programs
PATIENCE_SECONDS = 20
# What is read takes its time.
SLOW = "import time; from pathlib import Path; Path({!r}).touch(); time.sleep(60)"
# Ctrl-C has come before the rehearsal's first line.
EARLY = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
os.kill(os.getpid(), signal.SIGINT)
os.execv(sys.executable, [sys.executable, "-P", "-m", "rehearsal", "{}"])
"""


def environment(*folders: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*folders, ROOT)))}


def interrupted(command: list[str], env: dict[str, str], once: Path) -> tuple[int, bytes]:
    """How it ends if Ctrl-C comes once that file is there: exit code, and what it said."""
    process = subprocess.Popen(
        [sys.executable, *command],
        env=env,
        cwd=once.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not once.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, said


@pytest.mark.parametrize(
    ("slow", "command"),
    [
        ("cyclopts", ["-c", "import sys; from spotkiln.cli.begin import main; sys.exit(main())"]),
        ("pydantic", ["-P", "-m", "rehearsal", "{}"]),
    ],
)
def test_it_ends_at_once_and_says_nothing(tmp_path: Path, slow: str, command: list[str]) -> None:
    reads = tmp_path / "reads"
    (tmp_path / f"{slow}.py").write_text(SLOW.format(str(reads)))
    assert interrupted(command, environment(tmp_path), reads) == (130, b"")


def test_a_rehearsal_that_has_not_begun_ends_so_too(tmp_path: Path) -> None:
    """While it asks whether there is a Docker."""
    shop, asks = tmp_path / "shop", tmp_path / "asks"
    subprocess.run(["git", "init", "-q", str(shop)], check=True)
    (shop / "spotkiln.yaml").write_text("build: 'true'\ntest: 'true'\nstart: puma\n")
    for program in ("docker", "packer"):
        (tmp_path / program).write_text(f"#!/bin/sh\ntouch {asks}\nexec >/dev/null sleep 3\n")
        (tmp_path / program).chmod(0o755)
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = ["-P", "-m", "rehearsal", json.dumps({"path": str(shop)})]
    assert interrupted(command, environment() | path, asks) == (130, b"")


def test_one_that_came_while_the_command_became_the_rehearsal_is_heard(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EARLY],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
