"""Folders on this machine that a run works in: archives, Packer's logs, test reports."""

import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import IO

KEEP_SECONDS = 24 * 3600
LOCK = ".lock"


def home() -> Path:
    """SPOTKILN_HOME, else the user's state folder."""
    wanted = os.environ.get("SPOTKILN_HOME")
    if wanted:
        return Path(wanted)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "spotkiln"


# Folders of runs of this process, each with the lock that says that its run lives.
_HELD: dict[Path, IO[bytes]] = {}


def _hold(folder: Path) -> IO[bytes] | None:
    """A lock beside the folder, which ends with this process; None if another one holds it."""
    file = folder.with_suffix(LOCK).open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _remove_old(runs: Path) -> None:
    """Folders that were left a day ago by runs that were killed; none of a run that lives,
    however long it waits."""
    for old in runs.iterdir():
        if not old.is_dir() or time.time() - old.stat().st_mtime <= KEEP_SECONDS:
            continue
        if old not in _HELD and (lock := _hold(old)):
            with lock:
                shutil.rmtree(old, ignore_errors=True)
                old.with_suffix(LOCK).unlink(missing_ok=True)


def run_folder(release: str) -> Path:
    """A release's own folder, made anew, and its own until `leave_folder`. Folders of runs that
    were killed go after a day."""
    runs = home() / "runs"
    runs.mkdir(parents=True, exist_ok=True, mode=0o700)
    _remove_old(runs)
    folder = runs / release
    shutil.rmtree(folder, ignore_errors=True)
    if folder not in _HELD and (lock := _hold(folder)):
        _HELD[folder] = lock
    folder.mkdir()
    return folder


def leave_folder(folder: Path) -> None:
    """The run has ended: its folder goes."""
    shutil.rmtree(folder, ignore_errors=True)
    if lock := _HELD.pop(folder, None):
        folder.with_suffix(LOCK).unlink(missing_ok=True)
        lock.close()
