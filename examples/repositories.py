"""The git repositories of the example applications, made from their folders here. People try things
in them: what somebody has changed is never removed."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from rehearsal.prefect_local import BUILD

ROOT = Path(__file__).resolve().parent.parent
DEMO = BUILD / "demo-web-app"
DICE = BUILD / "dice"
# What it was like when it was made.
MADE = ".git/spotkiln-made"
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


def _state(repository: Path) -> str:
    """All that somebody may have made in it: branches and tags with their commits, what is checked
    out, and what is not committed. Empty if it is no repository."""
    try:
        return "\n".join(
            (
                _git(repository, "symbolic-ref", "--quiet", "HEAD"),
                _git(repository, "for-each-ref", "--format=%(refname) %(objectname)"),
                _git(repository, "status", "--porcelain", "--ignored"),
            )
        )
    except (subprocess.CalledProcessError, OSError):
        return ""


def _replace(repository: Path, make: Callable[[Path], object]) -> bool:
    """Make it anew, unless somebody has changed it since it was made. Whether it is as `make` makes
    it."""
    with TemporaryDirectory(dir=_parent(repository), prefix=f".{repository.name}-") as folder:
        new = Path(folder) / "new"
        make(new)
        made = _state(new)
        if repository.exists():
            now, known = _state(repository), repository / MADE
            if now == made:
                return True
            if not now or not known.is_file() or known.read_text() != now:
                return False
            shutil.rmtree(repository)
        (new / MADE).write_text(made)
        new.rename(repository)
    return True


def _parent(repository: Path) -> Path:
    repository.parent.mkdir(parents=True, exist_ok=True)
    return repository.parent


def make_demo(repository: Path) -> Path:
    """The Rails application with the branches of make_refs.sh, in a folder that is not there."""
    subprocess.run(
        ["bash", str(ROOT / "examples" / "make_refs.sh"), str(repository)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return repository


def make_dice(repository: Path) -> Path:
    """The application that is not Rails, with the branch v1, in a folder that is not there."""
    shutil.copytree(ROOT / "examples" / "dice", repository)
    _git(repository, "init", "--quiet", "--initial-branch=v1")
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message", "Throw dice")
    return repository


def ensure(demo: Path = DEMO, dice: Path = DICE) -> list[Path]:
    """Both, for prefect.yaml's deployments. Those that somebody has changed, which stay as they
    are."""
    made = {demo: make_demo, dice: make_dice}
    return [one for one, make in made.items() if not _replace(one, make)]
