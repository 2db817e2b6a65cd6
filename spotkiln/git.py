"""Turns a ref of a repository into a clean archive of one commit, with the git program."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from spotkiln.app import App
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.source import Source

TIMEOUT_SECONDS = 300
# Set in git's own hooks (`git rev-parse --local-env-vars`): a release that a push starts must not
# work in the repository that was pushed to.
ANOTHER_REPOSITORY = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}


def without_password(url: str) -> str:
    """A repository's address fit for a log."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def address(repository: str) -> str:
    """What git is given: a path is taken from where this process runs, as people mean it."""
    path = Path(repository).expanduser()
    return str(path.resolve()) if path.exists() else repository


def _git(folder: Path, *arguments: str) -> str:
    """Run git, never asking for a password. Raises CalledProcessError with git's own words, and
    TimeoutExpired."""
    environment = {k: v for k, v in os.environ.items() if k not in ANOTHER_REPOSITORY}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=15")
    result = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    return result.stdout.strip()


def _reason(said: str) -> str:
    """The first line that tells what is wrong: advice comes after it, warnings before. Without
    the user in an address, who may be a token."""
    lines = [line for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not line.lower().startswith("warning")]
    return re.sub(r"://[^/@\s]+@", "://", (telling or lines or ["nothing"])[0]).rstrip(".")


def _refs(folder: Path, app: App) -> list[str]:
    """The repository's branches and tags.

    Raises:
        InputError: it cannot be reached, or is none.
    """
    where = without_password(app.repository)
    try:
        lines = _git(
            folder, "ls-remote", "--refs", "--heads", "--tags", address(app.repository)
        ).splitlines()
    except subprocess.CalledProcessError as error:
        raise InputError(
            f"cannot reach the repository {where}: git says: {_reason(error.stderr)}; "
            "check the address and this machine's rights to it"
        ) from error
    return [line.split("\t", 1)[1] for line in lines if "\t" in line]


def _fetch(folder: Path, app: App) -> str:
    """Fetch the ref's commit with as little history as possible; the commit's name."""
    _git(folder, "init", "--quiet", "--bare", ".")
    names = _refs(folder, app)
    where = without_password(app.repository)
    # Tags before branches, as git itself resolves them; else it may be a commit.
    candidates = [f"refs/tags/{app.ref}", f"refs/heads/{app.ref}", app.ref]
    wanted = next((name for name in candidates if name in names), app.ref)
    try:
        _git(folder, "fetch", "--quiet", "--depth=1", "--no-tags", address(app.repository), wanted)
        return _git(folder, "rev-parse", "--verify", "FETCH_HEAD^{commit}")
    except subprocess.CalledProcessError:
        pass
    # An abbreviated commit, or a server that gives no single commits away.
    try:
        _git(folder, "fetch", "--quiet", address(app.repository), "+refs/*:refs/*")
        return _git(folder, "rev-parse", "--verify", "--quiet", f"{app.ref}^{{commit}}")
    except subprocess.CalledProcessError as error:
        known = ", ".join(dict.fromkeys(name.split("/", 2)[-1] for name in names[:20])) or "none"
        raise InputError(
            f"no branch, tag or commit {app.ref!r} in {where}; branches and tags: {known}"
        ) from error


def check_out(app: App, folder: Path) -> Source:
    """Fetch, resolve and archive; `folder` is made anew and holds the archive afterwards.

    Raises:
        InputError: there is no git, the repository cannot be reached or has no such ref, or the
            commit is not whole without what it points to.
        InfrastructureError: it did not answer in time.
    """
    if shutil.which("git") is None:
        raise InputError("expected git, found no git on PATH; on Debian: apt-get install git")
    try:
        return _check_out(app, folder)
    except subprocess.TimeoutExpired as error:
        where = without_password(app.repository)
        raise InfrastructureError(
            f"the repository {where} did not answer in {error.timeout:g} s"
        ) from error


def _require_whole(bare: Path, commit: str) -> None:
    """What an archive of the commit would leave empty is refused: a release without it would
    fail later, and say something else.

    Raises:
        InputError: the commit has submodules, or files in Git LFS.
    """
    entries = _git(bare, "ls-tree", "-r", "--full-tree", commit).splitlines()
    modules = [line.partition("\t")[2] for line in entries if line.startswith("160000 ")]
    if modules:
        raise InputError(
            f"{commit[:12]} has submodules ({', '.join(modules[:5])}), whose files are not part of "
            "the commit: put them into the repository, or let the build command fetch them"
        )
    names = [line.partition("\t")[2] for line in entries]
    for name in (name for name in names if Path(name).name == ".gitattributes"):
        if "filter=lfs" in _git(bare, "show", f"{commit}:{name}"):
            raise InputError(
                f"{commit[:12]} keeps files in Git LFS ({name}), which are not part of the commit: "
                "put them into the repository, or let the build command fetch them"
            )


def _check_out(app: App, folder: Path) -> Source:
    shutil.rmtree(folder, ignore_errors=True)
    bare = folder / "repository"
    bare.mkdir(parents=True)
    commit = _fetch(bare, app)
    _require_whole(bare, commit)
    tree = _git(bare, "rev-parse", f"{commit}^{{tree}}")
    tar = folder / "source.tar"
    _git(bare, "archive", "--format=tar", f"--output={tar}", commit)
    archive = folder / "source.tar.gz"
    # No time stamp: the same commit is the same archive.
    with (
        tar.open("rb") as plain,
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed)
    tar.unlink()
    return Source(
        repository=without_password(app.repository),
        ref=app.ref,
        commit=commit,
        tree=tree,
        subject=_git(bare, "log", "-1", "--format=%s", commit),
        archive=archive,
    )
