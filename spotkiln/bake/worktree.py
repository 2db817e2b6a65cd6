"""The files of one commit as a checkout has them: with its submodules and its files in Git LFS.

Not `git archive`: that leaves out what `export-ignore` names, changes what `export-subst` names,
and knows no submodules.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spotkiln.bake.gitcommand import GitFailed, run_git, text_of
from spotkiln.errors import InputError

SYMLINK, SUBMODULE = 0o120000, 0o160000
GIT_CRYPT = b"\0GITCRYPT\0"
# What stands in the repository for a file in Git LFS. A real pointer is smaller than this.
LFS_POINTER = re.compile(rb"version https?://[^\n]*\n(?:[^\n]*\n)*?oid sha256:[0-9a-f]{64}\n")
LFS_POINTER_BYTES = 1024
# What `git lfs install` sets: without it the program fetches files but puts none in place.
LFS_SETTINGS = {
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.smudge": "git-lfs smudge -- %f",
    "filter.lfs.process": "git-lfs filter-process",
    "filter.lfs.required": "true",
}


@dataclass(frozen=True)
class Entry:
    """A file or a symbolic link: `path` from the top, as git knows it, and git's mode."""

    path: bytes
    mode: int


def fill(repository: Path, commit: str, wanted: Sequence[str] = ()) -> list[Entry]:
    """Check the commit out into the repository's folder; what is there then, or what of it lies at
    or below one of the `wanted` paths. Nothing of the rest is asked for.

    Raises:
        InputError: something that belongs to the commit cannot be had, by name.
        InfrastructureError: network or disk.
    """
    try:
        run_git(repository, "checkout", "--quiet", "--force", "--detach", commit)
    except GitFailed as error:
        raise error.told(f"cannot check out {commit[:12]}", "mend the commit") from error
    return list(_entries(repository, b"", commit[:12], tuple(map(os.fsencode, wanted))))


def _wants(one: Entry, above: bytes, wanted: Sequence[bytes]) -> bool:
    path = above + one.path
    return (
        not wanted
        or any(path == name or path.startswith(name + b"/") for name in wanted)
        # What is wanted may lie inside of a submodule.
        or (one.mode == SUBMODULE and any(name.startswith(path + b"/") for name in wanted))
    )


def _entries(
    repository: Path, above: bytes, commit: str, wanted: Sequence[bytes]
) -> Iterator[Entry]:
    """The entries of a repository that is checked out: the release's own or, `above` being where
    it is, a submodule's."""
    what = f"submodule {text_of(above[:-1])} of {commit}" if above else commit
    entries = [one for one in _index(repository) if _wants(one, above, wanted)]
    files = [one for one in entries if one.mode not in {SYMLINK, SUBMODULE}]
    _require_readable(repository, files, what)
    _fetch_lfs(repository, files, what)
    for one in entries:
        path = above + one.path
        if one.mode != SUBMODULE:
            yield Entry(path, one.mode)
        elif _fill_submodule(repository, one.path, f"submodule {text_of(path)} of {commit}"):
            yield from _entries(_in(repository, one.path), path + b"/", commit, wanted)


def _index(repository: Path) -> list[Entry]:
    lines = run_git(repository, "ls-files", "-z", "--stage").split(b"\0")
    parted = (line.partition(b"\t") for line in lines if line)
    return [Entry(path, int(about.split()[0], 8)) for about, _, path in parted]


def _in(repository: Path, path: bytes) -> Path:
    return repository / os.fsdecode(path)


def _starts(repository: Path, one: Entry, size: int) -> bytes:
    with _in(repository, one.path).open("rb") as file:
        return file.read(size)


def _names(entries: Iterable[Entry]) -> str:
    names = [text_of(one.path) for one in entries]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _require_readable(repository: Path, files: list[Entry], what: str) -> None:
    locked = [one for one in files if _starts(repository, one, len(GIT_CRYPT)) == GIT_CRYPT]
    if locked:
        raise InputError(
            f"{what} has files that git-crypt has encrypted ({_names(locked)}): a release cannot "
            "read them; give the application its secrets when it starts, and take them out of "
            "the repository"
        )


def _pointers(repository: Path, files: list[Entry]) -> list[Entry]:
    """The files that git-lfs would put something else in the place of. An attribute alone
    does not tell: a file may have been committed before it; nor does the text: it may be a test's.
    """
    alike = [
        one
        for one in files
        if LFS_POINTER.match(_starts(repository, one, LFS_POINTER_BYTES))
        and _in(repository, one.path).stat().st_size < LFS_POINTER_BYTES
    ]
    if not alike:
        return []
    paths = b"".join(one.path + b"\0" for one in alike)
    said = run_git(repository, "check-attr", "-z", "--stdin", "filter", given=paths).split(b"\0")
    # Path, attribute, value, again and again.
    stored = {path for path, value in zip(said[0::3], said[2::3], strict=False) if value == b"lfs"}
    return [one for one in alike if one.path in stored]


def _fetch_lfs(repository: Path, files: list[Entry], what: str) -> None:
    pointers = _pointers(repository, files)
    if not pointers:
        return
    kept = f"{what} keeps files in Git LFS ({_names(pointers)})"
    if shutil.which("git-lfs") is None:
        raise InputError(
            f"{kept}, and there is no git-lfs on PATH; on Debian: apt-get install git-lfs"
        )
    try:
        # All of them, whatever the repository would leave out of a quick clone.
        run_git(repository, "lfs", "pull", "--include=", "--exclude=", settings=LFS_SETTINGS)
    except GitFailed as error:
        raise error.told(
            f"{kept}, which cannot be fetched",
            "push them with `git lfs push --all`, and check this machine's rights",
        ) from error
    if left := _pointers(repository, pointers):
        raise InputError(
            f"{what} keeps files in Git LFS ({_names(left)}) that git-lfs did not fetch; "
            "check with `git lfs pull` in a fresh clone"
        )


def _fill_submodule(repository: Path, path: bytes, what: str) -> bool:
    """Check the submodule out at its recorded commit; False if the repository says `update =
    none` of it, which leaves it out of each clone."""
    name = os.fsdecode(path)
    inside = _in(repository, path) / ".git"
    update = ("--literal-pathspecs", "submodule", "--quiet", "update", "--init")
    try:
        try:
            run_git(repository, *update, "--depth=1", "--", name)
        except GitFailed as error:
            if error.of_infrastructure:
                raise
            # A server that gives no single commits away, or knows no short history.
            if inside.exists():
                run_git(_in(repository, path), "fetch", "--quiet", "--unshallow", "origin")
            run_git(repository, *update, "--", name)
    except GitFailed as error:
        raise error.told(
            f"cannot check out {what}",
            "check its address in .gitmodules, this machine's rights to it, and that the "
            "recorded commit has been pushed",
        ) from error
    return inside.exists()
