"""The git repositories of the example applications, made anew from their folders here."""

import os
import shutil
import subprocess
from pathlib import Path

from rehearsal.prefect_local import BUILD

ROOT = Path(__file__).resolve().parent.parent
DEMO = BUILD / "demo-web-app"
DICE = BUILD / "dice"
# The same files always give the same commit, whatever the user's own settings are.
FIXED = {
    "GIT_AUTHOR_NAME": "Demo",
    "GIT_AUTHOR_EMAIL": "demo@example.com",
    "GIT_AUTHOR_DATE": "2024-01-01T12:00:00Z",
    "GIT_COMMITTER_NAME": "Demo",
    "GIT_COMMITTER_EMAIL": "demo@example.com",
    "GIT_COMMITTER_DATE": "2024-01-01T12:00:00Z",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={**os.environ, **FIXED},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commits(repository: Path, refs: set[str]) -> dict[str, str]:
    """Commit by ref."""
    return {ref: _git(repository, "rev-parse", ref) for ref in refs}


def make_demo(repository: Path = DEMO) -> Path:
    """The Rails application with the branches of make_refs.sh."""
    shutil.rmtree(repository, ignore_errors=True)
    subprocess.run(
        ["bash", str(ROOT / "examples" / "make_refs.sh"), str(repository)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return repository


def make_dice(repository: Path = DICE) -> Path:
    """The application that is not Rails, with the branch v1."""
    shutil.rmtree(repository, ignore_errors=True)
    shutil.copytree(ROOT / "examples" / "dice", repository)
    _git(repository, "init", "--quiet", "--initial-branch=v1")
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message", "Throw dice")
    return repository
