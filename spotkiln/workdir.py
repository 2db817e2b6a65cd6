"""Folders on this machine that a run works in: archives, Packer's logs, test reports."""

import os
import shutil
import time
from pathlib import Path

KEEP_SECONDS = 24 * 3600


def home() -> Path:
    """SPOTKILN_HOME, else the user's state folder."""
    wanted = os.environ.get("SPOTKILN_HOME")
    if wanted:
        return Path(wanted)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "spotkiln"


def run_folder(release: str) -> Path:
    """A release's own folder, made anew. Folders of runs that were killed go after a day."""
    runs = home() / "runs"
    runs.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in runs.iterdir():
        if old.is_dir() and time.time() - old.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    folder = runs / release
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
