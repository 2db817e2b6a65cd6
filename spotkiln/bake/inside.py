"""Inside: what the files of an application say of it: its spotkiln.yaml, and what is detected."""

import os
from collections.abc import Iterable
from pathlib import Path

from spotkiln.bake.description import Description
from spotkiln.bake.detect.detect import detect
from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.manifest import FILE, read_manifest
from spotkiln.bake.migrations import find_migrations
from spotkiln.bake.tree import MOST_BYTES, Tree, worth_reading
from spotkiln.errors import InputError
from spotkiln.noun import Noun

# What people call the file by mistake: it would be passed over without a word.
MISNAMED = ("spotkiln.yml", ".spotkiln.yaml", ".spotkiln.yml", "Spotkiln.yaml")


class Inside(Noun):
    """`description` is None if there is no spotkiln.yaml. `migrations` are named as in
    spotkiln.bake.migrations."""

    description: Description | None
    detected: Detected
    migrations: tuple[str, ...] = ()


def _text(path: Path) -> str:
    """Empty if it is too large; Postgres, which keeps what we tell, takes no NUL."""
    if path.stat().st_size > MOST_BYTES:
        return ""
    return path.read_bytes().decode(errors="replace").replace("\0", "\ufffd")


def _no_folder(home: Path, path: str) -> str:
    """The part of a path that something else than a folder has the place of; empty if none is."""
    parts = path.split("/")
    steps = ("/".join(parts[: number + 1]) for number in range(len(parts)))
    return next(
        (one for one in steps if os.path.lexists(home / one) and not (home / one).is_dir()), ""
    )


def require_folders(home: Path, writable: Iterable[str], called: str = "") -> None:
    """A bake makes what is missing of the writable folders. `home` is where the application is,
    `called` what comes before a name in errors.

    Raises:
        InputError: it could not make one.
    """
    for path in writable:
        if wrong := _no_folder(home, path):
            raise InputError(
                f"writable names {path}, and {called}{wrong} is no folder, or a link to none: name "
                "the folder that holds it, or move what is written into one of its own"
            )


def look_inside(folder: Path, names: Iterable[str], called: str = "") -> Inside:
    """`names` are the regular files below `folder`, and no links: those could lead to a file of
    this machine. `called` is what comes before a name in errors.

    Raises:
        InputError: what is wrong with spotkiln.yaml, by line.
    """
    there = frozenset(names)
    if FILE not in there and (wrong := next((x for x in MISNAMED if x in there), "")):
        raise InputError(f"expected {called}{FILE}, found {called}{wrong}: rename it")
    description = None
    if FILE in there:
        description = read_manifest((folder / FILE).read_bytes(), called + FILE)
    texts = {one: _text(folder / one) for one in there if worth_reading(one)}
    return Inside(
        description=description,
        detected=detect(Tree(names=there, texts=texts)),
        migrations=find_migrations(there),
    )
