"""One at a time of a home, and what a killed one left."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.up.alone import MARK, Home, RunsAlready
from rehearsal.processes import listed, marked
from tests.unit.nouns import ROOT

pytestmark = pytest.mark.programs

# One that has begun, with a process of its own in a session of its own, as servers have it.
PROGRAM = """
import subprocess, sys, time
from pathlib import Path
from examples.up.alone import Home
home = Home(Path(sys.argv[1]))
with home.hold():
    home.tell({"pid": 1, "address": "http://here"})
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    print("ready", flush=True)
    time.sleep(600)
"""


def begin(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, "")


@pytest.mark.usefixtures("mine")
def test_the_second_is_told_of_the_first_and_harms_nothing(tmp_path: Path) -> None:
    process = begin(tmp_path)
    with pytest.raises(RunsAlready) as told, Home(tmp_path).hold():
        pass
    assert told.value.told == {"pid": 1, "address": "http://here"}
    assert process.poll() is None
    assert len(marked(MARK, str(tmp_path))) == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    Home(tmp_path).clear(print)


@pytest.mark.usefixtures("mine")
def test_what_a_killed_one_left_is_ended_and_told(tmp_path: Path) -> None:
    process = begin(tmp_path)
    process.kill()
    process.wait()
    (left,) = marked(MARK, str(tmp_path)).values()
    assert left == "sleep 600"
    said: list[str] = []
    with Home(tmp_path).hold():
        Home(tmp_path).clear(said.append)
        assert said == ["the last one was killed: ending what it left (1 processes)"]
        assert marked(MARK, str(tmp_path)) == {}
    assert not (tmp_path / "running.json").exists()


@pytest.mark.usefixtures("mine")
def test_on_an_account_a_worker_is_waited_for_that_has_runs(tmp_path: Path) -> None:
    environment = {**os.environ, MARK: str(tmp_path)}
    worker = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)", "spotkiln worker"], env=environment
    )
    server = subprocess.Popen(["sleep", "600"], env=environment)
    waited: list[int] = []

    def patience(pid: int) -> None:
        waited.append(pid)
        assert worker.wait(30) == -signal.SIGTERM
        # It needs the server until its runs have ended.
        assert server.poll() is None

    deadline = time.monotonic() + 30
    while len(marked(MARK, str(tmp_path))) < 2:
        assert time.monotonic() < deadline
    Home(tmp_path).clear(lambda _: None, patience)
    assert waited == [worker.pid]
    assert server.wait(30) == -signal.SIGKILL


@pytest.mark.usefixtures("mine")
def test_nobody_else_looks_into_it(tmp_path: Path) -> None:
    with Home(tmp_path / "home").hold():
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_where_there_is_no_proc_ps_tells() -> None:
    """As macOS's writes it: the environment behind the command."""
    text = (
        "    1 /sbin/launchd\n"
        "  502 python -m server A=1 SPOTKILN_UP=/home B=2\n"
        "  503 python -m server SPOTKILN_UP=/home-2\n"
        "  504 sleep 600 SPOTKILN_UP=/home\n"
    )
    assert listed(text, "SPOTKILN_UP", "/home") == {
        502: "python -m server A=1 SPOTKILN_UP=/home B=2",
        504: "sleep 600 SPOTKILN_UP=/home",
    }
