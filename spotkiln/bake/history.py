"""History: what git tells of the way from the commit that serves to another one."""

import re
from pathlib import Path

from spotkiln.bake.app import AppSpec
from spotkiln.bake.changes import Changes, Commit, Dependency, compared, is_lock_file
from spotkiln.bake.git import address
from spotkiln.bake.gitcommand import GitFailed, git_says, run_git, text_of
from spotkiln.bake.locked import locked
from spotkiln.bake.source import compare_url, without_password
from spotkiln.errors import InputError
from spotkiln.markup import visible

# So far back is looked, and so many are told.
DEPTH, SHOWN = 200, 30
MOST_FILES = 10
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def changes_since(app: AppSpec, since: str, commit: str, folder: Path) -> Changes:
    """What has changed between the two commits. Only commits and folders are fetched, and lock
    files; `folder` is made anew.

    Raises:
        InputError, InfrastructureError: the repository cannot be asked.
    """
    # It comes from a tag, and anybody may edit that.
    if not COMMIT.fullmatch(since):
        raise InputError(f"expected the commit that serves as git names it, got {since!r}")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run_git(folder, "init", "--quiet", "--template=", ".")
        run_git(folder, "config", "remote.origin.url", address(app.repository))
        return _read(app, since, commit, folder)
    except GitFailed as error:
        where = without_password(app.repository)
        raise error.told(
            f"cannot see what has changed in {where} since {since[:12]}", "check the repository"
        ) from error


def _read(app: AppSpec, since: str, commit: str, folder: Path) -> Changes:
    _fetch(folder, commit, DEPTH)
    known = git_says(folder, "rev-list", commit).split()
    apart = since not in known
    if apart:
        _fetch(folder, since, 1)
    found = [] if apart else _commits(folder, since, commit)
    return Changes(
        since=since,
        commits=tuple(found[:SHOWN]),
        more=max(0, len(found) - SHOWN),
        apart=apart,
        dependencies=tuple(_dependencies(folder, since, commit, app.folder)),
        url=compare_url(app.repository, since, commit),
    )


def _fetch(folder: Path, commit: str, depth: int) -> None:
    """Without the files: git fetches one when it is read."""
    options = ("--quiet", "--no-tags", f"--depth={depth}", "--filter=blob:none")
    run_git(folder, "fetch", *options, "origin", commit)


def _commits(folder: Path, since: str, commit: str) -> list[Commit]:
    said = git_says(folder, "log", "--format=%H %s", f"{since}..{commit}")
    pairs = (line.partition(" ") for line in said.splitlines())
    return [Commit(commit=one, subject=visible(subject)) for one, _, subject in pairs]


def _dependencies(folder: Path, since: str, commit: str, below: str) -> list[Dependency]:
    options = ("-r", "-z", "--name-only", "--no-renames")
    raw = text_of(run_git(folder, "diff-tree", *options, since, commit))
    prefix = f"{below}/" if below else ""
    paths = [x for x in raw.split("\0") if is_lock_file(x) and x.startswith(prefix)]
    return [
        one
        for path in paths[:MOST_FILES]
        for one in compared(path, _locked(folder, since, path), _locked(folder, commit, path))
    ]


def _locked(folder: Path, commit: str, path: str) -> dict[str, str]:
    """Versions by name; none if the commit has no such file."""
    if not run_git(folder, "ls-tree", commit, "--", path):
        return {}
    return locked(path, text_of(run_git(folder, "show", f"{commit}:{path}")))
