"""Secrets: what a build needs and no image may hold, such as a private package index's token.

A deployment names them and where each value is. The worker reads the values into its own memory,
and Packer copies them from there into the builder's memory (packer/scripts/app.sh takes them).
Packer's own variables would not do: a variable file is on the disk, and what a provisioning script
is given stands on the builder's command line, even if the variable is called sensitive.
"""

import base64
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from spotkiln.bake.shell import READ_ONLY
from spotkiln.errors import InputError
from spotkiln.noun import Noun

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# What is refused before it is stored: most of all a value in the place of its address.
PLACE = rf"(ssm:/[A-Za-z0-9._/-]+|secret:[A-Za-z0-9._/+=@:-]+(#[A-Za-z0-9._-]+)?|env:{NAME})"
# What is shorter is found everywhere: nobody could tell where it has come to be by mistake.
SHORTEST = 8
# These would change what the build runs, and how it is started.
TAKEN = {"HOME", "PATH", "LANG", "IFS", "SHELL", "ENV", "BASH_ENV", "LD_PRELOAD", "LD_AUDIT"} | {
    "LD_LIBRARY_PATH",
    *READ_ONLY,
}


class Kind(StrEnum):
    """Where a value may be."""

    PARAMETER = "ssm"
    SECRET = "secret"  # noqa: S105 - a word, no secret
    VARIABLE = "env"


class Place(Noun):
    """Where the value of one secret is. `key` is that of a secret that holds JSON; empty: all."""

    kind: Kind
    name: str
    key: str = ""

    @classmethod
    def of(cls, written: str) -> "Place":
        """Of what PLACE takes."""
        kind, _, rest = written.partition(":")
        name, _, key = rest.partition("#") if kind == Kind.SECRET else (rest, "", "")
        return cls(kind=Kind(kind), name=name, key=key)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}{'#' + self.key if self.key else ''}"


def why_no_secrets(places: Mapping[str, str]) -> str:
    """Why these name no secrets of a build; empty if they do. It repeats no value, and nothing in a
    name's place that is no name: that may be a secret in the wrong place."""
    for number, (name, place) in enumerate(places.items(), start=1):
        if not re.fullmatch(NAME, name):
            return (
                "expected an environment variable's name, of letters, digits and _ alone, got "
                f"something else as number {number}"
            )
        if name in TAKEN:
            return f"{name} is not for a secret: the build has its own"
        if not re.fullmatch(PLACE, place):
            return (
                f"{name}: expected where the value is, never the value: ssm:/path/of/parameter, "
                "secret:name or secret:name#key of Secrets Manager, or env:NAME of the worker"
            )
    return ""


def require_usable(name: str, place: Place, value: str) -> None:
    """Raises:
    InputError: this cannot be the value of a secret.
    """
    if "\0" in value or len(value.strip()) < SHORTEST:
        raise InputError(
            f"build.secrets: expected a value of at least {SHORTEST} characters for {name} at "
            f"{place}, got {'none' if not value.strip() else 'a shorter one, or one with NUL'}"
        )
    if any("\ud800" <= one <= "\udfff" for one in value):
        # As Python reads bytes of the environment that are no text; its own error would hold all.
        raise InputError(
            f"build.secrets: expected text in UTF-8 for {name} at {place}, got other bytes"
        )


def traces(values: Mapping[str, str]) -> list[str]:
    """What the values would be known by in a file or a log, the longest first: each line of them,
    the password in an address, and how HTTP sends it."""
    found = set()
    for value in values.values():
        found |= {line.strip() for line in value.splitlines()}
        found.add(base64.b64encode(value.encode()).decode())
        if "://" in value:
            parts = urlsplit(value.strip())
            who, _, password = parts.netloc.rpartition("@")[0].partition(":")
            # In one without a password the user is a token.
            secret = password or who
            found |= {secret, unquote(secret), base64.b64encode(unquote(who).encode()).decode()}
            login = f"{unquote(who)}:{unquote(password)}"
            found.add(base64.b64encode(login.encode()).decode() if password else "")
        elif ":" in value:
            # As bundler has it: user:password.
            found |= {value.partition(":")[2].strip()}
    # As a program says them that puts them into an address itself.
    found |= {quote(one, safe=safe) for one in found for safe in ("", "/")}
    return sorted((one for one in found if len(one) >= SHORTEST), key=lambda x: (-len(x), x))


def handed_over(values: Mapping[str, str]) -> bytes:
    """What the builder is given: two variables of a shell, one with assignments for the build's
    own shell, one with the traces, a line each. Nothing for no values."""
    if not values:
        return b""
    assignments = "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())
    told = {"secrets": assignments, "traces": "\n".join(traces(values))}
    return "".join(f"{name}={shlex.quote(text)}\n" for name, text in told.items()).encode()


@contextmanager
def in_memory(content: bytes) -> Iterator[Path]:
    """A file that has no name on any disk and ends with this process, however that ends. Others of
    the same user, Packer among them, can read it by the path that this answers.

    Raises:
        InputError: there is something to keep, and this system has no such files.
    """
    if not content:
        yield Path(os.devnull)
        return
    if not hasattr(os, "memfd_create"):
        raise InputError("build.secrets needs a worker on Linux, which has files in memory alone")
    # Not for the programs that this one starts: they have the path.
    file = os.memfd_create("spotkiln-secrets", os.MFD_CLOEXEC)
    try:
        os.fchmod(file, 0o600)
        os.write(file, content)
        yield Path(f"/proc/{os.getpid()}/fd/{file}")
    finally:
        os.close(file)
