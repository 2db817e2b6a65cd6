"""The command hands over what it was asked, and becomes the rehearsal."""

import os
from pathlib import Path
from typing import Any

import pytest

from rehearsal.asked import Asked, Kind
from spotkiln.cli import programs
from spotkiln.cli.main import main
from spotkiln.cli.programs import PROGRAMS
from tests.unit.nouns import ROOT

Became = list[tuple[list[str], dict[str, str]]]


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> Became:
    """What this process would have become."""
    found: Became = []

    def execve(_: str, command: list[str], environment: dict[str, str]) -> None:
        found.append((command, environment))

    monkeypatch.setattr(os, "execve", execve)
    return found


def asked(became: Became) -> Asked:
    ((command, _),) = became
    return Asked.model_validate_json(command[-1])


def test_without_options_it_is_the_current_folder(
    became: Became, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["rehearse"]) == 0
    assert asked(became) == Asked(path=tmp_path)


def test_every_option_arrives(
    became: Became, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    options = (
        "--env-file x.env --service redis --service postgresql --machines simulated --rate 2 "
        "--base base.yaml --page page.md --json"
    )
    assert main(["rehearse", "shop", *options.split()]) == 0
    assert asked(became) == Asked(
        path=tmp_path / "shop",
        env_file=tmp_path / "x.env",
        services=("redis", "postgresql"),
        machines=Kind.SIMULATED,
        base=tmp_path / "base.yaml",
        rate=2.0,
        page=tmp_path / "page.md",
        as_json=True,
    )


def test_an_applications_own_packages_are_never_taken_for_ours(
    became: Became, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    main(["rehearse", "/shop"])
    ((command, environment),) = became
    assert command[1:4] == ["-P", "-m", "rehearsal"]
    assert environment["PYTHONPATH"] == f"{PROGRAMS}{os.pathsep}/theirs"
    assert (PROGRAMS / "rehearsal").resolve() == ROOT / "rehearsal"


@pytest.mark.parametrize("wrong", [["--machines", "real"], ["--rate", "quick"], ["--sevice", "x"]])
def test_what_is_mistyped_starts_nothing(became: Became, wrong: list[str]) -> None:
    assert main(["rehearse", "/shop", *wrong]) == 2
    assert became == []


def test_all_of_the_sandboxs_own_arguments_arrive(became: Became) -> None:
    assert main(["sandbox", "up", "--detach", "--account", "{}", "--dir", "/x"]) == 0
    ((command, environment),) = became
    assert command[1:] == [
        "-P",
        "-m",
        "sandbox",
        *["up", "--detach", "--account", "{}", "--dir", "/x"],
    ]
    # It says the name by which it was called.
    assert environment["SANDBOX_COMMAND"] == "spotkiln sandbox"


@pytest.mark.parametrize("command", [["rehearse", "/shop"], ["sandbox", "status"]])
def test_an_installation_without_the_sandboxs_needs_says_how_to_get_them(
    became: Became, monkeypatch: pytest.MonkeyPatch, capsys: Any, command: list[str]
) -> None:
    monkeypatch.setattr(programs, "NEEDED", ("httpx", "no_such_module"))
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "needs no_such_module, which" in said
    assert "`pip install 'spotkiln[sandbox]'`" in said
    assert became == []


def test_a_broken_installation_says_so(
    became: Became, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(programs, "PROGRAMS", tmp_path)
    assert main(["rehearse", "/shop"]) == 2
    assert "is broken" in capsys.readouterr().err
    assert became == []
