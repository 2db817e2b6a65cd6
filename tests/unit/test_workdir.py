"""Where a run works on this machine."""

import os
import stat
import time
from pathlib import Path

import pytest

from spotkiln.workdir import KEEP_SECONDS, home, run_folder


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


def test_folders_of_killed_runs_go_after_a_day(state: Path) -> None:
    old, young = run_folder("demo-old"), run_folder("demo-young")
    (old / "packer.log").write_text("killed")
    long_ago = time.time() - KEEP_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    run_folder("demo-new")
    assert not old.exists()
    assert young.exists()
