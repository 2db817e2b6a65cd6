"""Makes real repositories to release from, the same ones every time."""

import os
import subprocess
from pathlib import Path

# Nothing of the machine's own settings, and the same commits every time.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": "2024-05-01T12:00:00Z",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_COMMITTER_DATE": "2024-05-01T12:00:00Z",
}


def run_git(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return result.stdout.strip()


def commit(folder: Path, text: str) -> str:
    (folder / "app.txt").write_text(text)
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "--message", f"Say {text}")
    return run_git(folder, "rev-parse", "HEAD")
