"""How the program behind `spotkiln rehearse` ends: its exit code, its words, its page."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal import asked as asking
from rehearsal import program
from rehearsal.asked import Asked, Kind
from rehearsal.seen import End, Scene
from spotkiln.errors import InputError
from tests.unit.rehearsal.subjects import seen

VALUE = 'pass"wörd-1'
WELL = seen(scenes=(Scene(name="bake", end=End.WELL, told=f"it said {VALUE}"),), seconds=1048576)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An application, and a rehearsal of it that went well."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "spotkiln.yaml").write_text("build: 'true'\ntest: 'true'\nstart: puma\n")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    monkeypatch.setattr(program, "BUILD", tmp_path / "build")
    monkeypatch.setattr(program, "rehearse", lambda *_: (WELL, [VALUE, "1048576"]))
    return folder


def rehearsed(shop: Path, *, as_json: bool = False) -> int:
    asked = Asked(path=shop, machines=Kind.SIMULATED, as_json=as_json)
    return program.main([asked.model_dump_json()])


def test_its_answer_in_json_has_no_value_and_all_numbers(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rehearsed(shop, as_json=True) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["seconds"] == 1048576
    assert answer["scenes"][0]["told"] == "it said ***"


def test_what_was_seen_is_told_though_the_last_cannot_be_removed(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def leash(_: Path) -> Iterator[None]:
        yield
        raise RuntimeError("the sandbox did not end")

    monkeypatch.setattr(program, "leash", leash)
    assert rehearsed(shop) == 1
    assert (shop / ".spotkiln" / "rehearsal.md").is_file()
    said = capsys.readouterr()
    assert "bake" in said.out
    assert "the sandbox did not end" in said.err


@pytest.mark.parametrize(
    "error", [subprocess.TimeoutExpired(["docker"], 120), OSError("no room"), RuntimeError("x")]
)
def test_what_breaks_off_is_told_in_words(
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def breaks(*_: Any) -> None:
        raise error

    monkeypatch.setattr(program, "rehearse", breaks)
    assert rehearsed(shop) == 1
    assert f"broke off: {error}" in capsys.readouterr().err


def test_a_docker_that_does_not_answer_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(*_: Any, **given: Any) -> None:
        raise subprocess.TimeoutExpired(["docker", "info"], given["timeout"])

    monkeypatch.setattr("rehearsal.asked.shutil.which", lambda one: f"/usr/bin/{one}")
    monkeypatch.setattr("rehearsal.asked.subprocess.run", hangs)
    with pytest.raises(InputError, match="Docker does not answer"):
        asking.require_machines(Kind.DOCKER)
