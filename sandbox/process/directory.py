"""A sandbox's directory: its description for others, its log, its key, and who runs it."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class AlreadyRunningError(Exception):
    pass


class Directory:
    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.description = self.path / "sandbox.json"
        self.log = self.path / "sandbox.log"
        self.key = self.path / "demo.pem"
        self._lock = self.path / "lock"
        self._claim = self.path / "claim.json"

    @property
    def default_name(self) -> str:
        """The same for the same directory, different for every other one."""
        stem = re.sub(r"[^a-z0-9]+", "-", self.path.name.lower()).strip("-") or "sandbox"
        return f"{stem[:24]}-{hashlib.sha256(str(self.path).encode()).hexdigest()[:8]}"

    def read(self) -> dict[str, Any] | None:
        """The description of the sandbox that is ready here."""
        return _read(self.description)

    def write(self, description: dict[str, Any]) -> None:
        _write(self.description, description)

    def claim(self, name: str, machines: str) -> None:
        """Before anything is made: what is to be cleaned up if this process gets killed."""
        _write(self._claim, {"name": name, "machines": machines, "pid": os.getpid()})

    def claimed(self) -> dict[str, Any] | None:
        return _read(self._claim) or self.read()

    def forget(self) -> None:
        self.description.unlink(missing_ok=True)
        self._claim.unlink(missing_ok=True)

    def write_key(self, pem: str) -> None:
        self.key.unlink(missing_ok=True)
        descriptor = os.open(self.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(pem)

    def running(self) -> bool:
        """Whether a process holds the directory, whatever the description says."""
        try:
            with self.hold():
                return False
        except AlreadyRunningError:
            return True

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Only one process can; the system lets go of it when the process ends, however."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = (self.read() or {}).get("pid", "unknown")
                raise AlreadyRunningError(
                    f"a sandbox already runs in {self.path} (pid {pid}); use it, or end it with "
                    f"`python -m sandbox down --dir {self.path}`"
                ) from None
            yield


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    """Whoever reads it sees all of it or nothing."""
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(path)
