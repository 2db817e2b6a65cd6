"""Runs Packer: which program, with what command, from its start to its end."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from spotkiln.bake.packer_output import PackerRun, Reader
from spotkiln.bake.recipe import ROOT
from spotkiln.beside import require_wanted
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.process import run

OLDEST = (1, 6, 6)
# Names the program, where it is not to be what PATH finds.
VARIABLE = "PACKER"
# Of Debian's releases 12 alone has a package.
HOW = (
    "Debian 12 has a package (apt-get install packer), elsewhere it comes from HashiCorp "
    f"(developer.hashicorp.com/packer/install): put it on PATH, or {VARIABLE}=/path/to/packer"
)
VERSION_SECONDS = 30.0
BUILT_IN_BEFORE = (1, 8, 0)
# Says which plugin and which versions of it, to a Packer that has none built in.
PLUGINS = ROOT / "packer" / "plugins.pkr.hcl"


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
    """The program's path and its version: the one that the variable PACKER names, else the first
    on PATH.

    Raises:
        InputError: there is none, it is another program of that name, or too old.
    """
    named = os.environ.get(VARIABLE, "")
    place = f"in the variable {VARIABLE}" if named else "on PATH"
    expected = f"expected Packer {'.'.join(map(str, OLDEST))} or newer {place}"
    path = shutil.which(named or "packer")
    if path is None and named:
        raise InputError(f"{expected}, {named} is no program that can be run")
    if path is None:
        raise InputError(f"{expected}, found none; {HOW}")
    try:
        said = _asked(path, Path(path).stat().st_mtime_ns)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{expected}, {path} does not run: {error}") from error
    match = re.search(r"Packer v(\d+)\.(\d+)\.(\d+)", said)
    if not match:
        if named:
            raise InputError(f"{expected}, {path} is another program: name Packer's")
        raise InputError(
            f"{expected}, {path} is another program of that name; put Packer's folder first on "
            f"PATH, or say where it is: {VARIABLE}=/path/to/packer"
        )
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < OLDEST:
        raise InputError(f"{expected}, {path} is {'.'.join(map(str, version))}; install a newer")
    return path, version


@lru_cache
def _asked(path: str, _changed_ns: int) -> str:
    """What this Packer says of its version; anew when its file has changed. A release needs it
    three times, and Packer takes a tenth of a second each time."""
    # The other program of that name, cracklib's, would wait for words to pack.
    return run([path, "version"], timeout_seconds=VERSION_SECONDS).output.decode(errors="replace")


def require_amazon(path: str, version: tuple[int, int, int]) -> str:
    """Its plugin for EC2: a part of Packer once, later a program of its own.

    Raises:
        InputError: it is not there.
    """
    if version < BUILT_IN_BEFORE:
        return "a part of it"
    try:
        said = run([path, "plugins", "installed"], timeout_seconds=VERSION_SECONDS).output
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{path} does not say which plugins it has: {error}") from error
    for line in said.decode(errors="replace").splitlines():
        if "/amazon/" in line:
            return line.strip()
    raise InputError(f"no plugin for EC2: `{path} init {PLUGINS}` gets it")


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


def _with_parent() -> list[str]:
    """What, before a command, makes it get SIGTERM when its parent dies, even by SIGKILL. Linux has
    it (util-linux); elsewhere Packer outlives us, and reconcile ends its machine."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _stop(process: "subprocess.Popen[bytes]", patience_seconds: float) -> None:
    """SIGTERM lets Packer remove its builder; SIGKILL of the whole group ends what will not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _with(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Our environment with these variables, and without those that are None."""
    given = {**os.environ, **variables}
    return {name: value for name, value in given.items() if value is not None}


def run_packer(
    command: Sequence[str],
    *,
    folder: Path,
    say: Callable[[str], None],
    environment: Mapping[str, str | None] | None = None,
    timeout_seconds: float = 3600,
    patience_seconds: float = 25,
) -> PackerRun:
    """Run Packer in a session of its own, each line given to `say` as it comes.

    Its output goes to a file in `folder`: a pipe that breaks with us would kill it before it has
    removed its builder. On any exception here, cancellation too, it gets SIGTERM and
    `patience_seconds`. It dies with its parent. What is None in `environment` it does not have.

    Raises:
        NotWanted: it ran beside something else, and was told to end.
        InfrastructureError: it took longer than `timeout_seconds`.
    """
    require_wanted()
    log = folder / "packer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_with_parent(), *command],
            cwd=folder,
            env=_with({"CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1", **(environment or {})}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    reader = Reader(log, say)
    deadline = time.monotonic() + timeout_seconds
    try:
        while process.poll() is None:
            require_wanted()
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
