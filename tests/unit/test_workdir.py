"""Where a run works on this machine."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spotkiln.workdir import KEEP_SECONDS, home, leave_folder, run_folder


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPOTKILN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_home_is_given_or_the_users_own(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home() == state
    monkeypatch.delenv("SPOTKILN_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert home() == Path("/state/spotkiln")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert home() == Path("/home/ann/.local/state/spotkiln")


def test_a_runs_folder_is_empty_and_private(state: Path) -> None:
    folder = run_folder("demo-1")
    (folder / "left").write_text("from an earlier try")
    assert run_folder("demo-1") == folder == state / "runs" / "demo-1"
    assert list(folder.iterdir()) == []
    assert stat.S_IMODE((state / "runs").stat().st_mode) == 0o700


KILLED = """
import os, sys
from spotkiln.workdir import run_folder
(run_folder(sys.argv[1]) / "packer.log").write_text("output")
print("ready", flush=True)
sys.stdin.read()
os._exit(9)
"""


class Other:
    """A run in another process."""

    def __init__(self, release: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", KILLED, release],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def a_day_passes(folder: Path) -> None:
    long_ago = time.time() - KEEP_SECONDS - 60
    os.utime(folder, (long_ago, long_ago))


def test_folders_of_killed_runs_go_after_a_day(state: Path) -> None:
    for release in ("demo-old", "demo-young"):
        Other(release).kill()
    old, young = (state / "runs" / name for name in ("demo-old", "demo-young"))
    a_day_passes(old)
    run_folder("demo-new")
    assert not old.exists()
    assert young.exists()
    assert not old.with_suffix(".lock").exists()


def test_a_living_runs_folder_stays_however_long_it_waits(state: Path) -> None:
    """For an approval of days, say; in another process, and in this one."""
    other, mine = Other("demo-waits"), run_folder("demo-mine")
    waits = state / "runs" / "demo-waits"
    for folder in (waits, mine):
        a_day_passes(folder)
    run_folder("demo-new")
    assert (waits / "packer.log").read_text() == "output"
    assert mine.exists()
    other.kill()
    run_folder("demo-newer")
    assert not waits.exists()


def test_a_run_that_ends_leaves_nothing(state: Path) -> None:
    leave_folder(run_folder("demo-1"))
    assert list((state / "runs").iterdir()) == []
