"""An application as it lies in a folder: what of it a release would have."""

import subprocess
from pathlib import Path

import pytest

from spotkiln.bake.place import look_at


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x\n")


@pytest.fixture
def application(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    put(tmp_path, "Gemfile", "Gemfile.lock", "config/database.yml", "log/a.log", "log/keep", "new")
    (tmp_path / ".gitignore").write_text("/Gemfile.lock\n/config/database.yml\n/log/*\n")
    git(tmp_path, "add", "Gemfile", ".gitignore")
    git(tmp_path, "add", "--force", "log/keep")
    return tmp_path


def test_what_git_ignores_is_no_part_of_it_unless_it_is_tracked_all_the_same(
    application: Path,
) -> None:
    place = look_at(application)
    assert place.names == {".gitignore", "Gemfile", "log/keep", "new"}
    assert place.locked == place.names
    assert place.ignored == ("Gemfile.lock", "config/database.yml")


def test_of_what_is_ignored_only_that_is_told_which_would_tell_something(application: Path) -> None:
    put(application, "log/notes.txt", "spotkiln.yaml", ".spotkiln/rehearsal.env")
    with (application / ".gitignore").open("a") as file:
        file.write("spotkiln.yaml\n.spotkiln\n")
    told = look_at(application).ignored
    assert told == ("Gemfile.lock", "config/database.yml", "spotkiln.yaml")


def test_in_a_folder_of_a_repository(application: Path) -> None:
    put(application, "apps/web/Gemfile", "apps/web/Gemfile.lock")
    (application / ".gitignore").write_text("Gemfile.lock\n")
    place = look_at(application / "apps/web")
    assert place.folder == "apps/web"
    assert place.names == {"Gemfile"}
    assert place.ignored == ("Gemfile.lock",)


def test_a_folder_that_is_ignored_as_a_whole(application: Path) -> None:
    put(application, "build/Gemfile", "build/deep/x")
    with (application / ".gitignore").open("a") as file:
        file.write("build\n")
    assert not [one for one in look_at(application).names if one.startswith("build")]


def test_without_git_all_of_it_counts(tmp_path: Path) -> None:
    put(tmp_path, "Gemfile", "Gemfile.lock")
    (tmp_path / ".gitignore").write_text("Gemfile.lock\n")
    place = look_at(tmp_path)
    assert place.names == {".gitignore", "Gemfile", "Gemfile.lock"}
    assert place.ignored == ()
