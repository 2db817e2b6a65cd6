"""Settings: what an application is told at run time, from a local file of NAME=value lines. Its
servers read them as in production: from Parameter Store, when they boot."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from rehearsal.account import client
from sandbox.client import Sandbox
from spotkiln.errors import InputError

# Where they are looked for if no other file is named: its servers', and those of the machine that
# tests.
FILE, TEST_FILE = Path(".spotkiln/rehearsal.env"), Path(".spotkiln/test.env")
# Of the sandbox's roles, what may read the second.
TEST_PROFILE = "image-test"
# Of a standard parameter's value.
MOST_BYTES = 4096
LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def _value(text: str) -> str:
    """As a shell reads it if it is in quotes, else as it is, without a comment behind it."""
    text = text.strip()
    if text[:1] in {"'", '"'}:
        parts = shlex.split(text, comments=True)
        if len(parts) != 1:
            raise ValueError("expected one value in quotes")
        return parts[0]
    return re.split(r"\s#", text, maxsplit=1)[0].rstrip()


def path_of(app: str) -> str:
    """Where its servers may read: the role of the sandbox's servers is production's."""
    return f"/{app}/production/"


def path_for_tests(app: str) -> str:
    return f"/{app}/test/"


def put(box: Sandbox, path: str, values: Mapping[str, str]) -> None:
    """Into the sandbox's Parameter Store, each as a secret."""
    ssm = client(box, "ssm")
    for name, value in values.items():
        # The sandbox has parameters of its own for the demo's application.
        ssm.put_parameter(Name=path + name, Value=value, Type="SecureString", Overwrite=True)


def parse(text: str, called: str) -> dict[str, str]:
    """
    Raises:
        InputError: by line; never with what stands there, for it may be a secret.
    """
    found: dict[str, str] = {}
    # Other ends of lines than these may be within a value.
    for number, line in enumerate(re.split(r"\r?\n", text), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = LINE.fullmatch(stripped)
        if match is None:
            raise InputError(f"{called}, line {number}: expected NAME=value")
        try:
            found[match[1]] = _value(match[2])
        except ValueError as error:
            raise InputError(f"{called}, line {number}: {error}") from None
        if not found[match[1]] or len(found[match[1]].encode()) > MOST_BYTES:
            raise InputError(
                f"{called}, line {number}: expected a value of 1 to {MOST_BYTES} bytes, as "
                "Parameter Store takes them: leave out what is empty"
            )
    return found


def read(file: Path | None, usual: Path) -> dict[str, str]:
    """What the file says; `None`: the usual one, if it is there.

    Raises:
        InputError: it cannot be read, or is no such file.
    """
    where = file or usual
    if file is None and not where.is_file():
        return {}
    try:
        return parse(where.read_text(), str(where))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the settings' file {where}: {error}") from error
