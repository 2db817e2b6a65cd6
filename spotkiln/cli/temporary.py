"""Temporary: where a worker's temporary files go when another user's worker was here before."""

import os
import tempfile
from pathlib import Path

# In the system's folder for temporary files; whoever's worker is the first makes it (seen with
# Prefect 3.8.8), and nobody else can write there.
SHARED = "runner_storage"


def own_folder(system: Path, user: int) -> Path | None:
    """One of this user's own, made if need be; None if the shared one is this user's, or not there.
    Its name is short: programs put sockets there, whose paths may have 107 characters."""
    shared = system / SHARED
    if not shared.exists() or shared.stat().st_uid == user:
        return None
    own = system / f"spotkiln-{user}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or own.stat().st_uid != user:
        # Somebody has taken the name.
        return Path(tempfile.mkdtemp(prefix="spotkiln-", dir=system))
    return own


def use_own_folder() -> None:
    """For this process and all that it starts."""
    own = own_folder(Path(tempfile.gettempdir()), os.getuid())
    if own is not None:
        os.environ["TMPDIR"] = tempfile.tempdir = str(own)
