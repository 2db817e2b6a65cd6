"""Runs Packer: the command, what its machine-readable lines mean, and how it ends.

Packer answers 0 or 1 and nothing else; what failed is read from its events.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spotkiln.errors import (
    BuildFailed,
    InfrastructureError,
    InputError,
    SpotkilnError,
    TestsFailed,
    UnitFailed,
)
from spotkiln.markup import visible
from spotkiln.process import run

OLDEST = (1, 6, 6)
# The exit codes of our provisioning scripts.
DEPENDENCIES, TESTS, UNIT = 10, 20, 30
VERSION_SECONDS = 30.0
EXIT_STATUS = re.compile(r"non-zero exit status: (\d+)")
PR_SET_PDEATHSIG = 1
# Output comes in whatever size: this much is read at once, a longer line is cut into several,
# and only the end of it all is kept.
CHUNK_BYTES = 64 * 1024
KEEP_LINES = 200
KEEP_CHARACTERS = 2000

# What Packer's builders for EC2 say on their way, and how far that is, in percent of a bake whose
# machine, provisioning and image take about as long as each other.
MILESTONES = {
    "Launching a source AWS instance": 5,
    "Waiting for SSH to become available": 15,
    "Connected to SSH": 30,
    "Provisioning with shell script": 40,
    "Stopping the source instance": 65,
    "Waiting for AMI to become ready": 70,
    "Terminating the source AWS instance": 95,
}


MADE = re.compile(r"(?:Instance ID: |instance \()(i-[0-9a-f]+)|\bAMI: (ami-[0-9a-f]+)")


@dataclass(frozen=True)
class Event:
    """One machine-readable line: Packer's `timestamp,target,type,data...`, unescaped."""

    target: str
    kind: str
    data: tuple[str, ...]


@dataclass
class PackerRun:
    """How a run of Packer ended, with what it said on the way: `causes` by build, `errors` as
    they were shown, and the end of its output."""

    exit_code: int
    causes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)

    def failure(self) -> SpotkilnError:
        """Our error for a failed run: the application's own fault, or infrastructure's."""
        said = "; ".join(self.causes or self.errors[-5:] or self.output[-3:]) or "nothing"
        told = [*self.errors, *self.causes]
        statuses = [int(code) for text in told for code in EXIT_STATUS.findall(text)]
        status = statuses[-1] if statuses else 0
        tail = "\n".join(self.output[-15:])
        if status == DEPENDENCIES:
            return BuildFailed(f"dependencies or assets could not be built:\n{tail}")
        if status == TESTS:
            return TestsFailed(f"the tests failed:\n{tail}")
        if status == UNIT:
            return UnitFailed(f"the application's unit does not serve:\n{tail}")
        return InfrastructureError(f"Packer failed (exit code {self.exit_code}): {said}")


def reached(text: str) -> int | None:
    """How far a build is when Packer says this, in percent; None for what tells nothing."""
    return next((percent for words, percent in MILESTONES.items() if words in text), None)


def made(text: str) -> tuple[str, str] | None:
    """The kind and id of what Packer says that it has asked EC2 for; None for other words."""
    found = MADE.search(text)
    if not found:
        return None
    return ("instance", found[1]) if found[1] else ("image", found[2])


def parse_line(line: str) -> Event | None:
    """Source: Packer's -machine-readable output. None for lines of any other form."""
    parts = line.rstrip("\r\n").split(",")
    if len(parts) < 3 or not parts[0].isdigit():
        return None
    data = tuple(
        part.replace("%!(PACKER_COMMA)", ",").replace("\\n", "\n").replace("\\r", "")
        for part in parts[3:]
    )
    return Event(target=parts[1], kind=parts[2], data=data)


def packer_command(
    packer: str, template: Path, variables: Path, *, on_error: str = "cleanup"
) -> list[str]:
    return [
        packer,
        "build",
        "-color=false",
        "-machine-readable",
        f"-on-error={on_error}",
        f"-var-file={variables}",
        str(template),
    ]


def find_packer() -> tuple[str, tuple[int, int, int]]:
    """The program's path and its version.

    Raises:
        InputError: there is none, it is another program of that name, or too old.
    """
    expected = f"expected Packer {'.'.join(map(str, OLDEST))} or newer on PATH"
    path = shutil.which("packer")
    if path is None:
        raise InputError(f"{expected}, found none; on Debian: apt-get install packer")
    try:
        # The other program of that name, cracklib's, would wait for words to pack.
        said = run([path, "version"], timeout_seconds=VERSION_SECONDS).output
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{expected}, {path} does not run: {error}") from error
    match = re.search(r"Packer v(\d+)\.(\d+)\.(\d+)", said.decode(errors="replace"))
    if not match:
        raise InputError(
            f"{expected}, {path} is another program of that name; put Packer's folder first on PATH"
        )
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < OLDEST:
        raise InputError(f"{expected}, {path} is {'.'.join(map(str, version))}; install a newer")
    return path, version


def write_variables(path: Path, variables: Mapping[str, Any]) -> None:
    """A variable file keeps values off the command line, where every process could read them."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(variables, indent=1, sort_keys=True))


def artifact_of(manifest: Path) -> str | None:
    """The AMI's id that the newest run wrote to a manifest, which keeps those of earlier runs."""
    if not manifest.is_file():
        return None
    content = json.loads(manifest.read_text())
    for build in content.get("builds", []):
        if build.get("packer_run_uuid") == content.get("last_run_uuid"):
            _, _, image = str(build.get("artifact_id", "")).split(",")[0].rpartition(":")
            return image or None
    return None


def _die_with_parent() -> Callable[[], None] | None:
    """What makes a child get SIGTERM when its parent dies, even by SIGKILL; Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    # Looked up here: between fork and exec another thread may hold the loader's lock for ever.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        # It died before the call.
        if os.getppid() != parent:
            os._exit(1)

    return arrange


def _stop(process: "subprocess.Popen[bytes]", patience_seconds: float) -> None:
    """SIGTERM lets Packer remove its builder; SIGKILL of the whole group ends what will not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


class _Reader:
    """Follows the output file line by line, and sorts what it reads into a PackerRun."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.run = PackerRun(exit_code=-1)
        self._file = path.open("rb")
        self._rest = b""
        self._say = say

    def read(self) -> bool:
        """Take what has come, at most a chunk; whether that was anything."""
        chunk = self._file.read(CHUNK_BYTES)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > CHUNK_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._take(visible(line.decode(errors="replace")))
        return bool(chunk)

    def close(self) -> None:
        """Take all that is left, a last line that nothing ended too."""
        with self._file:
            while self.read():
                pass
            self._take(visible(self._rest.decode(errors="replace")))

    def _take(self, line: str) -> None:
        event = parse_line(line)
        if event is None:
            texts = line.splitlines()
        elif event.kind == "ui":
            texts = event.data[-1].splitlines() if event.data else []
            if event.data[:1] == ("error",):
                # What a script writes to its standard error comes here too, in any amount.
                self.run.errors.append(event.data[-1].strip()[:KEEP_CHARACTERS])
                del self.run.errors[:-KEEP_LINES]
        else:
            texts = []
            if event.kind == "error":
                self.run.causes.append(event.data[-1].strip() if event.data else "")
            elif event.kind == "artifact" and event.data[1:2] == ("id",):
                self.run.artifacts.append(event.data[-1])
        for text in texts:
            if text.strip():
                self.run.output.append(text.rstrip()[:KEEP_CHARACTERS])
                del self.run.output[:-KEEP_LINES]
                self._say(text.rstrip())


def run_packer(
    command: Sequence[str],
    *,
    folder: Path,
    say: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = 3600,
    patience_seconds: float = 25,
) -> PackerRun:
    """Run Packer in a session of its own, each line given to `say` as it comes.

    Its output goes to a file in `folder`: a pipe that breaks with us would kill it before it has
    removed its builder. On any exception here, cancellation too, it gets SIGTERM and
    `patience_seconds`. It dies with its parent.

    Raises:
        InfrastructureError: it took longer than `timeout_seconds`.
    """
    log = folder / "packer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={
                **os.environ,
                "CHECKPOINT_DISABLE": "1",
                "PACKER_NO_COLOR": "1",
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
    reader = _Reader(log, say)
    deadline = time.monotonic() + timeout_seconds
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise InfrastructureError(
                    f"Packer did not end in {timeout_seconds:.0f} s; the last it said: "
                    f"{reader.run.output[-1] if reader.run.output else 'nothing'}"
                )
            if not reader.read():
                time.sleep(0.1)
    finally:
        try:
            _stop(process, patience_seconds)
        finally:
            reader.close()
    reader.run.exit_code = process.returncode
    return reader.run
