"""A sandbox's directory: its description, its log, its key, and a lock for its process."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.process.say import COMMAND


class AlreadyRunningError(Exception):
    pass


class Directory:
    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.description = self.path / "sandbox.json"
        self.log = self.path / "sandbox.log"
        self.key = self.path / "demo.pem"
        self.kept = self.path / "account.kept"
        self._lock = self.path / "lock"
        self._claim = self.path / "claim.json"

    @property
    def default_name(self) -> str:
        """A name from the directory's path: always the same one, and different from other
        directories'."""
        stem = re.sub(r"[^a-z0-9]+", "-", self.path.name.lower()).strip("-") or "sandbox"
        return f"{stem[:24]}-{hashlib.sha256(str(self.path).encode()).hexdigest()[:8]}"

    def read(self) -> dict[str, Any] | None:
        """The description of the sandbox that is ready here. None if there is none."""
        return _read(self.description)

    def write(self, description: dict[str, Any]) -> None:
        _write(self.description, description)

    def claim(self, name: str, machines: str, *, resumes: bool) -> None:
        """Called before anything is made. It says what to clean up if this process is killed."""
        claim = {"name": name, "machines": machines, "resumes": resumes, "pid": os.getpid()}
        _write(self._claim, claim)

    def claimed(self) -> dict[str, Any] | None:
        return _read(self._claim) or self.read()

    def forget(self) -> None:
        self.description.unlink(missing_ok=True)
        self._claim.unlink(missing_ok=True)

    def kept_by(self) -> dict[str, Any] | None:
        """Name and machines of the sandbox that has left something for the next one. None if there
        is none."""
        try:
            with self.kept.open("rb") as file:
                head: dict[str, Any] = json.loads(file.readline())
        except (FileNotFoundError, ValueError):
            return None
        return head

    def keep(self, account: bytes) -> None:
        """What the next one goes on with. There are secrets in it."""
        temporary = self.kept.with_suffix(f".{os.getpid()}")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(account)
        temporary.replace(self.kept)

    def write_key(self, pem: str) -> None:
        _write_private(self.key, pem)

    def running(self) -> bool:
        """Whether a process holds the directory. The description does not matter."""
        try:
            with self.hold():
                return False
        except AlreadyRunningError:
            return True

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Only one process at a time can. The system releases the lock when the process ends, in
        whatever way."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = (self.read() or {}).get("pid", "unknown")
                raise AlreadyRunningError(
                    f"a sandbox already runs in {self.path} (pid {pid}); use it, or end it with "
                    f"`{COMMAND} down --dir {self.path}`"
                ) from None
            yield


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    """A reader sees all of it or nothing."""
    temporary = path.with_suffix(f".{os.getpid()}")
    _write_private(temporary, json.dumps(content, indent=2) + "\n")
    temporary.replace(path)


def _write_private(path: Path, content: str) -> None:
    """No other user can read it, from the first moment on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
