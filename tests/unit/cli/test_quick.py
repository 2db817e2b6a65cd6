"""What is typed wrong is answered at once: without Prefect, which takes seconds to import."""

import subprocess
import sys

import pytest

from spotkiln.cli.main import COMMANDS, app
from tests.unit.nouns import ROOT

pytestmark = pytest.mark.programs

PROGRAM = (
    "import sys; from spotkiln.cli.main import main; code = main({!r});"
    "print(code, sorted({{'prefect', 'boto3', 'httpx', 'anyio'}} & sys.modules.keys()))"
)


def typed(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(list(arguments))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--help",), 0, "worker"),
        (("--version",), 0, "."),
        (("release", "--help"), 0, "--even-if-held"),
        (("relaese", "shop"), 2, "relaese"),
        (("release",), 2, "NAME"),
        (("rollback", "shop", "--force"), 2, "--force"),
        (("release", "shop", "--ref", "a..b"), 2, "git does not allow such names"),
        (("plan", "shop", "--ref=-x"), 2, "git does not allow such names"),
        (("run", "shop", "--timeout", "1", "--", "ls"), 2, "--timeout"),
        (("run", "shop"), 2, "expected a command"),
        (("preview", "make", "a..b"), 2, "git does not allow such names"),
        (("ssh", "shop", "--key", "no/such/file"), 2, "no file no/such/file"),
        (("report", "--days", "0"), 2, "--days"),
        (("logs", "shop", "--since", "soon"), 2, "expected a time such as 30m"),
        (("retire", "shop", "--yes", "blog"), 2, "--yes wants the name once more"),
        (("worker", "--limit", "0"), 2, "--limit"),
        (("check", "examples/demo-web-app"), 0, "A release would"),
    ],
)
def test_without_prefect(arguments: tuple[str, ...], code: int, said: str) -> None:
    output = typed(*arguments)
    assert f"\n{code} []\n" in f"\n{output}"
    assert said in output


def test_help_names_all_commands() -> None:
    output = typed("--help")
    for name in ("init", "check", "release", "rollback", "plan", "doctor", "worker"):
        assert name in output


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"{command.__name__} {option.name}"
        for commands in COMMANDS.values()
        for command in commands
        for option in app[command.__name__.rstrip("_")].assemble_argument_collection()
        if option.name.startswith("-") and not option.parameter.help
    ]
    assert silent == []


def test_help_loads_nothing_of_what_bakes_and_releases() -> None:
    program = (
        "import sys, spotkiln.cli.main; "
        "print([x for x in sys.modules if x in ('spotkiln.bake.app', 'spotkiln.release.command')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
