"""The repository that the demo releases from."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

SCRIPT = ROOT / "examples" / "make_refs.sh"


def make_refs(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), str(folder)], capture_output=True, text=True, check=False
    )


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refs") / "demo"
    done = make_refs(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_commits_are_reproducible(repository: Path, tmp_path: Path) -> None:
    assert make_refs(tmp_path / "again").returncode == 0
    assert git(repository, "show-ref") == git(tmp_path / "again", "show-ref")
    assert git(repository, "status", "--porcelain") == ""


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    done = make_refs(tmp_path)
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ref", "behaviour"),
    [("v1", {}), ("v2", {}), ("red", {"tests": "red"}), ("sick", {"health": 500})],
)
def test_ref_says_how_a_simulated_machine_behaves(
    repository: Path, ref: str, behaviour: dict[str, object]
) -> None:
    assert json.loads(git(repository, "show", f"{ref}:.sandbox.json")) == behaviour


@pytest.mark.parametrize(
    ("before", "ref", "changed"),
    [
        ("v1", "v2", {"app/assets/stylesheets/application.css", "app/views/notes/index.html.erb"}),
        ("v2", "red", {"app/models/note.rb"}),
        (
            "v2",
            "sick",
            {
                "app/controllers/health_controller.rb",
                "app/models/notices.rb",
                "config/environments/production.rb",
            },
        ),
    ],
)
def test_refs_differ_in_what_they_are_about(
    repository: Path, before: str, ref: str, changed: set[str]
) -> None:
    names = git(repository, "diff", "--name-only", before, ref).split()
    assert set(names) - {".sandbox.json"} == changed
