"""The real names of hosts that have an alias in ~/.ssh/config: ssh itself is asked for them."""

import re
import subprocess
from pathlib import Path

from spotkiln import process

SECONDS = 5.0
# A name that ssh could take for an option is none.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
ANY_HOST = "localhost"


def _settings(host: str, config: Path | None) -> tuple[str, str]:
    """ssh's settings for a host; or nothing, and what went wrong."""
    command = ["ssh", "-G", *(["-F", str(config)] if config else []), "--", host]
    try:
        done = process.run(command, timeout_seconds=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    if done.code:
        said = done.errors.decode(errors="replace").strip()
        return "", said or f"ssh ended with {done.code}"
    return done.output.decode(errors="replace"), ""


def real_name(host: str, config: Path | None = None) -> str:
    """The HostName of an alias; the host itself if it is no alias, or if ssh cannot be asked.

    `config` is read instead of this user's and the system's files.
    """
    if not NAME.fullmatch(host):
        return host
    found = re.search(r"^hostname (\S+)$", _settings(host, config)[0], re.MULTILINE)
    return found[1] if found else host


def trouble(config: Path | None = None) -> str:
    """Why aliases cannot be looked up; empty if they can."""
    return _settings(ANY_HOST, config)[1]
