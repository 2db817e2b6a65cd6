"""The company's own repository, as `spotkiln new` writes it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from spotkiln import __version__
from spotkiln.cli import new as writing
from spotkiln.cli.main import main
from spotkiln.cli.parameters import objections
from tests.unit.nouns import ROOT


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "acme-platform"
    assert main(["new", str(folder)]) == 0
    return folder


def deployments(file: Path) -> dict[str, dict[str, Any]]:
    """By flow and name."""
    found = yaml.safe_load(file.read_text())["deployments"]
    return {f"{one['entrypoint'].rpartition('.')[2]}/{one['name']}": one for one in found}


def test_it_has_all_that_a_company_begins_with(made: Path) -> None:
    files = {str(one.relative_to(made)) for one in made.rglob("*") if one.is_file()}
    assert files >= {
        "README.md",
        ".gitignore",
        "prefect.yaml",
        "automations.yaml",
        "requirements.txt",
        "ci/check.sh",
        ".github/workflows/check.yml",
        ".gitlab-ci.yml",
        "applications/dice/spotkiln.yaml",
    }
    texts = {one: (made / one).read_text() for one in files}
    assert not [one for one, text in texts.items() if "@NAME@" in text or "@VERSION@" in text]
    assert texts["README.md"].startswith("# acme-platform\n")
    assert f"\nspotkiln=={__version__}\n" in texts["requirements.txt"]
    assert (made / "ci" / "check.sh").stat().st_mode & 0o111


def test_its_deployments_are_those_of_a_clone(made: Path) -> None:
    """What all applications share, and what runs for all of them. Nothing names a file of ours."""
    own, ours = deployments(made / "prefect.yaml"), deployments(ROOT / "prefect.yaml")
    for_all = (
        "reconcile/reconcile",
        "run/command",
        "steer/application",
        "retire/application",
        "nightly/nightly",
    )
    assert [own[one] for one in for_all] == [ours[one] for one in for_all]
    given = {"parameters": None, "name": None, "tags": None}
    for one in ("release/dice", "rollback/dice"):
        assert {**own[one], **given} == {**ours[one], **given}
    assert {one["entrypoint"].split(".")[0] for one in own.values()} == {"spotkiln"}
    top = yaml.safe_load((made / "prefect.yaml").read_text())
    assert top["build"] == yaml.safe_load((ROOT / "prefect.yaml").read_text())["build"]
    assert top["name"] == "acme-platform"


def test_its_deployments_give_what_flows_take(made: Path) -> None:
    found = deployments(made / "prefect.yaml")
    assert len(found) == 7
    assert [why for one in found.values() for why in objections(one)] == []
    # What AWS advises for new work; the flow's own default is for what was there before.
    assert found["release/dice"]["parameters"]["fleet"]["launcher"] == "auto-scaling"


def test_its_automations_are_those_of_a_clone(made: Path) -> None:
    assert (made / "automations.yaml").read_text() == (ROOT / "automations.yaml").read_text()


def test_its_application_is_released_as_it_is(made: Path, capsys: Any) -> None:
    assert main(["check", str(made / "applications" / "dice")]) == 0
    assert "start    ruby server.rb" in capsys.readouterr().out


def test_ci_reads_what_the_files_say(made: Path) -> None:
    for file in (".github/workflows/check.yml", ".gitlab-ci.yml"):
        assert "ci/check.sh" in json.dumps(yaml.safe_load((made / file).read_text()))


@pytest.mark.parametrize("name", ["Acme", "acme_platform", "1acme", "-"])
def test_a_name_that_prefect_would_not_show_as_it_is(
    name: str, tmp_path: Path, capsys: Any
) -> None:
    assert main(["new", str(tmp_path / name)]) == 2 or name == "-"
    assert not (tmp_path / name).exists()


def test_nothing_is_written_over(tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / ".git").mkdir()
    assert main(["new", str(folder)]) == 0
    before = (folder / "prefect.yaml").read_text()
    (folder / "prefect.yaml").write_text("mine")
    assert main(["new", str(folder)]) == 2
    assert ".gitignore, .gitlab-ci.yml, Dockerfile: name another" in capsys.readouterr().err
    assert (folder / "prefect.yaml").read_text() == "mine" != before


def test_a_file_is_no_folder(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "acme").touch()
    assert main(["new", str(tmp_path / "acme")]) == 2
    assert "expected a folder, got the file" in capsys.readouterr().err


def test_no_file_of_the_template_is_lost(made: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", str(writing.TEMPLATE)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len([one for one in made.rglob("*") if one.is_file()]) >= len(listed.stdout.split())
