"""However a rehearsal ends, nothing of it stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.leash import LOG_LINES, MARK, clear, leash, with_log
from rehearsal.prefect_local import ROOT
from rehearsal.processes import has
from spotkiln.errors import InputError

pytestmark = pytest.mark.programs

# A rehearsal that has begun, with a process of its own that listens to nothing.
PROGRAM = """
import subprocess, sys, time
from pathlib import Path
from rehearsal.leash import leash
home = Path(sys.argv[1])
with leash(home):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (home / "child").write_text(str(child.pid))
    Path(sys.argv[2]).write_text(str(child.pid))
    time.sleep(600)
"""
PATIENCE_SECONDS = 20


def begin(home: Path, told: Path) -> tuple[subprocess.Popen[bytes], int]:
    """It, and the id of its child."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), str(told)],
        cwd=ROOT,
        stderr=(told.parent / "stderr").open("wb"),
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (told.exists() and told.read_text()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, int(told.read_text())


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not lives(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_all_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "all" / "home"
    process, child = begin(home, tmp_path / "told")
    process.send_signal(number)
    assert process.wait(PATIENCE_SECONDS) == 128 + number
    assert gone(child)
    said = (tmp_path / "stderr").read_text()
    assert said == "interrupted: removing all that was started ...\n"
    assert list(home.parent.iterdir()) == []


def test_what_a_killed_one_left_the_next_one_removes(tmp_path: Path) -> None:
    home = tmp_path / "all" / "home"
    process, child = begin(home, tmp_path / "told")
    process.kill()
    process.wait(PATIENCE_SECONDS)
    assert lives(child)
    assert home.exists()
    before = signal.getsignal(signal.SIGINT)
    with leash(home):
        assert gone(child)
        assert list(home.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is before
    assert list(home.parent.iterdir()) == []


def test_two_at_once_of_the_same_home_are_refused(tmp_path: Path) -> None:
    home = tmp_path / "all" / "home"
    process, child = begin(home, tmp_path / "told")
    with pytest.raises(InputError, match="runs already"), leash(home):
        pass
    assert lives(child)
    process.terminate()
    process.wait(PATIENCE_SECONDS)


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "all" / "home"
    with pytest.raises(ValueError, match="broken"), leash(home):
        raise ValueError("broken")
    assert list(home.parent.iterdir()) == []
    assert MARK not in os.environ


def test_only_processes_of_this_home_are_its_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    mine = f"A=1\0{MARK}={home}\0B=2\0".encode()
    assert has(mine, MARK, str(home))
    assert not has(mine, MARK, f"{tmp_path}/hom")
    assert not has(mine, MARK, f"{home}-2")
    assert not has(b"", MARK, str(home))
    other = subprocess.Popen(["sleep", "600"], env={MARK: f"{home}-2"})
    clear(home)
    assert other.poll() is None
    other.kill()
    other.wait()


def test_an_error_that_names_a_log_has_its_last_lines_for_the_log_goes(tmp_path: Path) -> None:
    log = tmp_path / "prefect" / "server.log"
    log.parent.mkdir()
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    (tmp_path / "other.log").write_text("other\n")
    told = with_log(f"the server ended; see {log}", tmp_path)
    assert told.splitlines()[1:] == [f"line {number}" for number in range(100 - LOG_LINES, 100)]
    assert with_log("no log", tmp_path) == "no log"
