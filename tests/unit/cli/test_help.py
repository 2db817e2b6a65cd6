"""All commands: each says what it does, each option too, and the shell completes them."""

from typing import Any

import pytest
from cyclopts import App

from spotkiln.cli.main import COMMANDS, PREVIEW, app
from tests.unit.nouns import ROOT

NAMES = [command.__name__.rstrip("_") for commands in COMMANDS.values() for command in commands]
# What never ends by itself, or becomes another program.
WITHOUT_JSON = {"sandbox", "server", "worker", "ssh"}


def of(name: str) -> App:
    found = app[name]
    assert isinstance(found, App)
    return found


def options(name: str) -> dict[str, Any]:
    return {
        one.name: one for one in of(name).assemble_argument_collection() if one.name.startswith("-")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_command_says_what_it_does_and_so_do_its_options(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app([name, "--help"], exit_on_error=False)
    text = " ".join(capsys.readouterr().out.split())
    assert f"Usage: spotkiln {name}" in text
    for option, its in options(name).items():
        assert its.parameter.help, f"{name} {option} says nothing"
        assert option in text


@pytest.mark.parametrize("name", NAMES)
def test_whatever_answers_can_answer_in_json(name: str) -> None:
    assert ("--json" in options(name)) is (name not in WITHOUT_JSON)


@pytest.mark.parametrize("name", [one.__name__.rstrip("_") for one in PREVIEW])
def test_a_command_of_previews_says_so_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    app(["preview", name, "--help"], exit_on_error=False)
    text = " ".join(capsys.readouterr().out.split())
    assert f"Usage: spotkiln preview {name}" in text
    assert "--json" in text
    assert f"`preview {name}" in (ROOT / "docs" / "cli.md").read_text()
    found = of("preview")[name].assemble_argument_collection()
    assert all(one.parameter.help for one in found if one.name.startswith("-"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_every_command_and_option(shell: Any) -> None:
    script = app.generate_completion(shell=shell)
    for name in NAMES:
        assert name in script
        for option in options(name):
            assert option.lstrip("-") in script, f"{shell}: {name} {option}"


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_lists_it(name: str) -> None:
    assert f"`{name}" in (ROOT / "docs" / "cli.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_is_not_there_is_refused(name: str) -> None:
    from spotkiln.cli.main import main

    if name not in {"run", "sandbox", "server", "ssh"}:  # what these take goes to another program
        assert main([name, "x", "--no-such-option"]) == 2
