"""Build: the folder for what is made on this machine. Each user of a working tree has one."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = "SPOTKILN_BUILD"
NAME = "build"
# A working tree has it, an installation has not.
OF_A_TREE = "pyproject.toml"


def _usable(folder: Path, user: int) -> bool:
    """Whether it is this user's, or can be made by this user. Also root takes no other user's:
    what root makes there its owner could not remove."""
    if folder.exists():
        return folder.stat().st_uid == user and os.access(folder, os.W_OK | os.X_OK)
    return os.access(folder.parent, os.W_OK | os.X_OK)


def build_folder(root: Path, given: Mapping[str, str], user: int) -> Path:
    """`build` in the working tree; where another user has made that, one beside it; where nothing
    can be made there, and where `root` is an installation, one in this user's own home. The
    variable SPOTKILN_BUILD names another."""
    if given.get(FOLDER):
        return Path(given[FOLDER]).absolute()
    for name in (NAME, f"{NAME}-{user}") if (root / OF_A_TREE).is_file() else ():
        if _usable(root / name, user):
            return root / name
    home = Path(given.get("XDG_STATE_HOME") or Path(given.get("HOME", "~")) / ".local" / "state")
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:8]
    return home.expanduser() / "spotkiln" / f"{root.name}-{digest}"


def trusted(root: Path, user: int) -> dict[str, str]:
    """What lets git work in a tree and in examples that another user has made: it refuses to, for
    it would run their hooks. Whoever starts this tree's programs trusts it anyway."""
    folders = [root, *(one.parent for one in (root / NAME).glob("*/.git"))]
    others = [str(one) for one in folders if one.stat().st_uid != user]
    pairs = {
        name: value
        for number, folder in enumerate(others)
        for name, value in (
            (f"GIT_CONFIG_KEY_{number}", "safe.directory"),
            (f"GIT_CONFIG_VALUE_{number}", folder),
        )
    }
    return {"GIT_CONFIG_COUNT": str(len(others)), **pairs} if others else {}
