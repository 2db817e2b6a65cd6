"""Tree: an application's folder as commits in a repository of the rehearsal's own, so that what
is rehearsed is what lies there, committed or not, and nothing of it is changed."""

import os
import shutil
import subprocess
from pathlib import Path

from spotkiln.errors import InputError

BRANCH = "rehearsal"
# What a rehearsal itself writes and reads in the folder: its settings are secrets.
OWN = ".spotkiln/"
# The second release's only change: it must be another commit, with another image.
CHANGE = "SPOTKILN_REHEARSAL"
WHO = {
    "GIT_AUTHOR_NAME": "Rehearsal",
    "GIT_AUTHOR_EMAIL": "rehearsal@example.com",
    "GIT_COMMITTER_NAME": "Rehearsal",
    "GIT_COMMITTER_EMAIL": "rehearsal@example.com",
}
SECONDS = 120


def _git(*arguments: str, repository: Path, work_tree: Path | None = None, given: str = "") -> str:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    where = [f"--git-dir={repository}"]
    where += [f"--work-tree={work_tree}"] if work_tree else []
    done = subprocess.run(
        ["git", *where, "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", *arguments],
        cwd=work_tree or repository,
        env={**ours, **WHO, "GIT_LITERAL_PATHSPECS": "1"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=SECONDS,
        check=False,
        input=given,
    )
    if done.returncode:
        raise InputError(
            f"`git {arguments[0]}` failed for {work_tree or repository}: {done.stderr.strip()}"
        )
    return done.stdout.strip()


def _ignored(top: Path) -> str:
    """What the repository's own exclude file says, and what is ours."""
    done = subprocess.run(
        ["git", "-C", str(top), "rev-parse", "--git-path", "info/exclude"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    theirs = top / done.stdout.strip()
    text = theirs.read_text() if done.returncode == 0 and theirs.is_file() else ""
    return f"{text}\n{OWN}\n"


def commit_of(top: Path) -> str:
    """The commit that lies there, with a mark if something is not committed; empty if none."""
    done = subprocess.run(
        ["git", "-C", str(top), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _tracked(top: Path) -> list[str]:
    """The files and links that the repository has, and that still lie there."""
    done = subprocess.run(
        ["git", "-C", str(top), "ls-files", "--cached", "-z"],
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    names = (os.fsdecode(one) for one in done.stdout.split(b"\0") if one)
    there = ((name, top / name) for name in names if not name.startswith(OWN))
    return [name for name, path in there if path.is_symlink() or path.is_file()]


def take(top: Path, repository: Path) -> None:
    """Commit what lies in `top`, without what git ignores, to a new repository."""
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    _git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository),
         repository=repository)  # fmt: skip
    # With a work tree of its own for a moment it is no longer a bare one for git.
    _git("config", "core.bare", "false", repository=repository)
    exclude = repository / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text(_ignored(top))
    _git("add", "--all", ".", repository=repository, work_tree=top)
    # What is tracked although git ignores it.
    _git("add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul",
         repository=repository, work_tree=top, given="\0".join(_tracked(top)))  # fmt: skip
    _git("commit", "--quiet", "--message", f"As it lies in {top}", repository=repository,
         work_tree=top)  # fmt: skip
    _git("config", "core.bare", "true", repository=repository)


def change(repository: Path, folder: str) -> None:
    """One more commit, with one more file in the application's folder."""
    name = f"{folder}/{CHANGE}" if folder else CHANGE
    blob = subprocess.run(
        ["git", f"--git-dir={repository}", "hash-object", "-w", "--stdin"],
        input="The second release of a rehearsal.\n",
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    ).stdout.strip()
    _git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", repository=repository)
    tree = _git("write-tree", repository=repository)
    commit = _git("commit-tree", tree, "-p", BRANCH, "-m", "Change nothing but one file",
                  repository=repository)  # fmt: skip
    _git("update-ref", f"refs/heads/{BRANCH}", commit, repository=repository)
