"""Values: what a key of spotkiln.yaml may hold. Each function returns what was written, or raises a
ValueError that says what was expected."""

import re
from typing import Any

from spotkiln.bake.configuration import OF_THE_UNIT, VARIABLE
from spotkiln.bake.paths import FOLDER, HEALTH_PATH, why_no_path
from spotkiln.bake.processes import why_no_name
from spotkiln.bake.services import why_no_services
from spotkiln.bake.shell import ONE_LINE, READ_ONLY, why_not_one_command


def stripped(command: str | None) -> str | None:
    """Without the line end that YAML's blocks have."""
    if command is None:
        return None
    if "\0" in command:
        raise ValueError("expected text, got a NUL character")
    return command.strip()


def not_blank(command: str | None) -> str | None:
    if command == "":
        raise ValueError("expected a command, got blanks")
    return command


def one_line(command: str | None) -> str | None:
    if command is not None and not re.search(ONE_LINE, command):
        raise ValueError("expected one line, got several: join its commands with &&")
    return command


def one_command(command: str | None) -> str | None:
    if command and (why := why_not_one_command(command)):
        raise ValueError(
            f"expected one command, for systemd runs it as the main process: {why}; "
            "put it into a script of the repository and start that"
        )
    return command


def variables(variables: dict[str, str] | None) -> dict[str, str] | None:
    for name, value in (variables or {}).items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"expected an environment variable's name, got {name!r}")
        if name in READ_ONLY:
            raise ValueError(f"{name} is the shell's own, which nobody can set: rename it")
        if "\n" in value or "\0" in value:
            raise ValueError(f"the value of {name} must be a single line")
    return variables


def addresses(paths: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for path in paths or ():
        if not re.search(HEALTH_PATH, path):
            raise ValueError(
                f"expected a path that begins with a slash, such as /products?page=2, got "
                f"{path!r}: no host, no blanks, no quotes"
            )
    return paths


def services(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if why := why_no_services(names or ()):
        raise ValueError(why)
    return names


def names_of_settings(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for name in names or ():
        if not VARIABLE.fullmatch(name):
            # It may be a value in the wrong place, so it is not repeated.
            raise ValueError(
                "expected the names of variables, such as DATABASE_URL, got something else: "
                "letters, digits and _ are what they may have. Their values belong into "
                "Parameter Store or Secrets Manager"
            )
        if name in OF_THE_UNIT:
            raise ValueError(
                f"{name} is set by the application's own unit, or its shell: leave it out"
            )
    if names and len(set(names)) != len(names):
        raise ValueError("expected each name once, got one of them twice")
    return names


def folders(folders: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for folder in folders or ():
        if not re.fullmatch(FOLDER, folder):
            raise ValueError(
                f"expected a folder of the application, such as tmp or public/uploads, got "
                f"{folder!r}: nothing absolute, no `..`, and of letters, digits and ._@+- alone"
            )
    return folders


def paths(paths: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for path in paths or ():
        if why := why_no_path(path):
            raise ValueError(f"expected a path from the repository's top, got {path!r}: {why}")
    return paths


def lock_files(paths: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for path in paths or ():
        if why := why_no_path(path.removeprefix("/")):
            raise ValueError(
                f"expected a file or folder of the application, such as Gemfile.lock, or of "
                f"the repository, such as /pnpm-lock.yaml, got {path!r}: {why}"
            )
    return paths


def unit_names(named: dict[str, Any] | None) -> dict[str, Any] | None:
    for name in named or ():
        if why := why_no_name(name):
            raise ValueError(f"expected another name than {name!r}: {why}")
    return named
