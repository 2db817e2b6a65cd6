"""Turns a ref of a repository into a clean archive of one commit, with the git program."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from spotkiln.bake.app import AppSpec
from spotkiln.bake.archive import pack
from spotkiln.bake.gitcommand import GitFailed, git_says, run_git, text_of
from spotkiln.bake.inside import look_inside, require_folders
from spotkiln.bake.lock import locked
from spotkiln.bake.precedence import Settled, settle
from spotkiln.bake.source import Source, without_password
from spotkiln.bake.worktree import SYMLINK, Entry, fill
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.markup import visible


def address(repository: str) -> str:
    """What git is given: a path is taken from where this process runs, as people mean it."""
    path = Path(repository).expanduser()
    return str(path.resolve()) if path.exists() else repository


def _refs(repository: Path, where: str) -> list[str]:
    """The names of branches and tags, in full.

    Raises:
        InputError: the repository cannot be reached, or is none.
        InfrastructureError: network or disk.
    """
    try:
        lines = git_says(repository, "ls-remote", "--refs", "--heads", "--tags", "origin")
    except GitFailed as error:
        raise error.told(
            f"cannot reach the repository {where}",
            "check the address and this machine's rights to it",
        ) from error
    return [line.split("\t", 1)[1] for line in lines.splitlines() if "\t" in line]


def _fetch(repository: Path, ref: str, where: str) -> str:
    """Fetch the ref's commit with as little history as possible; the commit's name."""
    names = _refs(repository, where)
    # Tags before branches, as git itself resolves them; else it may be a commit.
    candidates = [f"refs/tags/{ref}", f"refs/heads/{ref}", ref]
    wanted = next((name for name in candidates if name in names), ref)
    try:
        run_git(repository, "fetch", "--quiet", "--depth=1", "--no-tags", "origin", wanted)
        return git_says(repository, "rev-parse", "--verify", "FETCH_HEAD^{commit}")
    except GitFailed as error:
        if error.of_infrastructure:
            raise error.told(f"cannot fetch {ref!r} from {where}", "") from error
    # An abbreviated commit, or a server that gives no single commits away.
    try:
        run_git(repository, "fetch", "--quiet", "--update-head-ok", "origin", "+refs/*:refs/*")
    except GitFailed as error:
        raise error.told(
            f"cannot fetch from {where}", "check this machine's rights to it"
        ) from error
    try:
        return git_says(repository, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except GitFailed as error:
        known = ", ".join(dict.fromkeys(name.split("/", 2)[-1] for name in names[:20])) or "none"
        raise InputError(
            f"no branch, tag or commit {ref!r} in {where}; branches and tags: {known}"
        ) from error


def check_out(app: AppSpec, folder: Path) -> Source:
    """Fetch, resolve, check out and pack; `folder` is made anew and holds the archive afterwards.

    Raises:
        InputError: there is no git, the repository cannot be reached or has no such ref, or
            something that belongs to the commit cannot be had.
        InfrastructureError: network or disk, or no answer in time.
    """
    if shutil.which("git") is None:
        raise InputError("expected git, found no git on PATH; on Debian: apt-get install git")
    where = without_password(app.repository)
    try:
        return _check_out(app, folder, where)
    except GitFailed as error:
        raise error.told(f"cannot release from {where}", "check the repository") from error
    except OSError as error:
        raise InfrastructureError(f"cannot write the files of {where}: {error}") from error


def _check_out(app: AppSpec, folder: Path, where: str) -> Source:
    shutil.rmtree(folder, ignore_errors=True)
    repository = folder / "repository"
    repository.mkdir(parents=True)
    run_git(repository, "init", "--quiet", "--template=", ".")
    # Its name is what relative addresses of submodules, and git-lfs, start from.
    run_git(repository, "config", "remote.origin.url", address(app.repository))
    commit = _fetch(repository, app.ref, where)
    settled, migrations, entries = _read(app, repository, commit)
    seconds = int(git_says(repository, "log", "-1", "--format=%ct", commit))
    archive = folder / "source.tar.gz"
    digest = pack(repository, entries, seconds, archive)
    lock_archive, lock_digest = None, ""
    if names := settled.app.lock:
        lock_archive = folder / "lock.tar.gz"
        files = locked(entries, app.folder, names, commit[:12])
        lock_digest = pack(repository, files, seconds, lock_archive)
    subject = visible(git_says(repository, "log", "-1", "--format=%s", commit))
    shutil.rmtree(repository)
    return Source(
        repository=where,
        ref=app.ref,
        commit=commit,
        digest=digest,
        subject=subject,
        committed=datetime.fromtimestamp(seconds, UTC),
        archive=archive,
        app=settled.app,
        settings=settled.settings,
        needs=settled.needs,
        migrations=migrations,
        lock_archive=lock_archive,
        lock_digest=lock_digest,
        no_layer=settled.no_layer,
    )


def _read(
    asked: AppSpec, repository: Path, commit: str
) -> tuple[Settled, tuple[str, ...], list[Entry]]:
    """How this commit is released, its migrations, and the files that are released of it."""
    folder = asked.folder
    entries = fill(repository, commit, [folder] if folder else [])
    # Not a file, nor a link, which could lead anywhere.
    if folder and not any(one.path.startswith(os.fsencode(f"{folder}/")) for one in entries):
        raise InputError(
            f"{commit[:12]} has no folder {folder!r}: name one that it has, from the top"
        )
    prefix = f"{folder}/" if folder else ""
    # A name that is no text is none that tells anything.
    names = (one.path for one in entries if one.mode != SYMLINK)
    files = (os.fsdecode(one) for one in names if os.fsencode(text_of(one)) == one)
    inside = look_inside(
        repository / folder, (x.removeprefix(prefix) for x in files if x.startswith(prefix)), prefix
    )
    settled = settle(asked, inside.description, inside.detected)
    require_folders(repository / folder, settled.app.writable, prefix)
    outside = settled.app.depends_on
    if outside:
        entries = fill(repository, commit, [folder, *outside])
    if absent := [one for one in outside if not _below(entries, one)]:
        raise InputError(
            f"{commit[:12]} has no {', '.join(absent)}, which depends_on names: name files and "
            "folders that it has, from the repository's top"
        )
    return settled, inside.migrations, entries


def _below(entries: list[Entry], path: str) -> bool:
    name = os.fsencode(path)
    return any(one.path == name or one.path.startswith(name + b"/") for one in entries)
