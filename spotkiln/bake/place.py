"""Place: an application as it lies in a folder of this machine, committed or not."""

import os
from collections.abc import Iterator
from pathlib import Path

from spotkiln.bake.gitcommand import GitFailed, run_git
from spotkiln.bake.manifest import FILE
from spotkiln.bake.tree import worth_reading
from spotkiln.errors import InputError
from spotkiln.noun import Noun

# What no commit has, or what is another's.
PASSED_OVER = {".git", ".hg", "node_modules", ".venv", "venv", "vendor", "__pycache__", ".next"}
# Deeper than anything that tells how an application is started.
DEEPEST = 8


class Place(Noun):
    """`folder` is where the application is in its repository, empty at its top; `names` are its
    regular files, from there, without what git ignores. `locked` are those that may not be
    executed. `ignored` are files that would tell something, and that no release has."""

    top: Path
    folder: str
    names: frozenset[str]
    locked: frozenset[str]
    ignored: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return self.top / self.folder

    @property
    def prefix(self) -> str:
        """Before a name, as git tells it."""
        return f"{self.folder}/" if self.folder else ""


def _top(path: Path) -> Path:
    return next((one for one in (path, *path.parents) if (one / ".git").exists()), path)


def _files(path: Path) -> Iterator[tuple[str, bool]]:
    """Each regular file, and whether it may be executed. Links are not followed."""
    for folder, below, names in os.walk(path):
        deep = len(Path(folder).relative_to(path).parts)
        below[:] = [] if deep >= DEEPEST else sorted(set(below) - PASSED_OVER)
        for name in names:
            one = Path(folder, name)
            if one.is_file() and not one.is_symlink():
                yield one.relative_to(path).as_posix(), os.access(one, os.X_OK)


def _ignored(path: Path) -> tuple[str, ...]:
    """What git ignores and does not track all the same, from `path`; of folders, that end with a
    slash, the outermost. Nothing where git cannot tell."""
    try:
        said = run_git(
            path, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"
        )
    except (GitFailed, OSError):
        return ()
    return tuple(os.fsdecode(one) for one in said.split(b"\0") if one)


def look_at(path: Path) -> Place:
    """
    Raises:
        InputError: it is no folder that can be read.
    """
    whole = path.expanduser().resolve()
    if not whole.is_dir():
        raise InputError(f"expected a folder, got {path}: name the one that the application is in")
    try:
        found = dict(_files(whole))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    top = _top(whole)
    folder = "" if top == whole else whole.relative_to(top).as_posix()
    ignored = _ignored(whole)
    single, below = set(ignored), tuple(one for one in ignored if one.endswith("/"))
    left_out = {one for one in found if one in single or one.startswith(below)}
    names = {name: executable for name, executable in found.items() if name not in left_out}
    return Place(
        top=top,
        folder=folder,
        names=frozenset(names),
        locked=frozenset(name for name, executable in names.items() if not executable),
        ignored=tuple(sorted(one for one in left_out if worth_reading(one) or one == FILE)),
    )
