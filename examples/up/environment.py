"""Environment: the file that another terminal reads to use what runs here, and how to undo it."""

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

DEACTIVATE = "spotkiln_deactivate"
# Commands of the sandbox, and their modules.
IN_SANDBOX = {"sandbox": "sandbox", "sandbox-service": "examples.up.service"}
# Of the user's own AWS settings, what would come before the sandbox's, or would be looked for in
# files that it does without.
OTHERS = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_DUALSTACK_ENDPOINT"),
)


def _old(name: str) -> str:
    return f"_SPOTKILN_OLD_{name}"


def _set(name: str, value: str) -> str:
    return f"{_keep(name)}\nexport {name}={value}"


def _keep(name: str) -> str:
    return f'if [ -n "${{{name}+set}}" ]; then {_old(name)}=${name}; else unset {_old(name)}; fi'


def _restore(name: str) -> str:
    old = _old(name)
    return (
        f'  if [ -n "${{{old}+set}}" ]; then export {name}="${old}"; else unset {name}; fi\n'
        f"  unset {old}"
    )


def script(variables: Mapping[str, str], commands: Path, without: Iterable[str] = ()) -> str:
    """For `.` in sh, bash (also macOS's 3.2) and zsh. `commands` is the folder of the commands that
    come first on PATH; `without` are variables that are unset. `spotkiln_deactivate` brings all
    back as it was. Read twice, or for another `make up`, it undoes the one before."""
    unset = [name for name in without if name not in variables]
    given = {name: value for name, value in variables.items() if name != "PATH"}
    # A stand-in's own folder comes before the user's Packer.
    first = os.pathsep.join([str(commands), *filter(None, [variables.get("PATH", "")])])
    names = ["PATH", *given, *unset]
    lines = [
        f"# Read by `.`; `{DEACTIVATE}` undoes it.",
        f"if command -v {DEACTIVATE} >/dev/null 2>&1; then {DEACTIVATE}; fi",
        *(_set(name, shlex.quote(value)) for name, value in given.items()),
        *(f"{_keep(name)}\nunset {name}" for name in unset),
        _set("PATH", f'{shlex.quote(first)}:"$PATH"'),
        # The shell remembers where it has found a command before.
        "hash -r 2>/dev/null",
        f"{DEACTIVATE}() {{",
        *(_restore(name) for name in names),
        f"  unset -f {DEACTIVATE}",
        "  hash -r 2>/dev/null",
        "}",
    ]
    return "\n".join(lines) + "\n"


def write(file: Path, text: str) -> None:
    """The password is among it: nobody else may read it, from the first moment on."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)


def write_commands(folder: Path, python: Path, root: Path, *, sandbox: bool) -> None:
    """The project's commands, and no other of its Python's programs."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name in ("spotkiln", "spotkiln-receiver", "prefect"):
        (folder / name).symlink_to(python.parent / name)
    for name, module in IN_SANDBOX.items() if sandbox else ():
        file = folder / name
        path = f'PYTHONPATH={shlex.quote(str(root))}"${{PYTHONPATH:+:$PYTHONPATH}}"'
        file.write_text(f'#!/bin/sh\n{path} exec {shlex.quote(str(python))} -m {module} "$@"\n')
        file.chmod(0o755)
