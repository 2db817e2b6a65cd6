"""The files of a commit that its dependencies are made from."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from spotkiln.bake.git import check_out
from spotkiln.bake.lock import locked
from spotkiln.bake.source import Source
from spotkiln.bake.worktree import Entry
from spotkiln.errors import InputError
from tests.unit.nouns import app

pytestmark = pytest.mark.programs

ENTRIES = [
    Entry(path=path, mode=0o100644)
    for path in (b"Gemfile", b"Gemfile.lock", b"app/Gemfile", b"vendor/a", b"vendor/b", b"vendors")
]


def names(found: list[Entry]) -> list[bytes]:
    return [one.path for one in found]


def test_files_and_folders_by_their_whole_names() -> None:
    assert names(locked(ENTRIES, "", ["vendor", "Gemfile"], "abc")) == [
        b"Gemfile", b"vendor/a", b"vendor/b",
    ]  # fmt: skip


def test_of_an_application_in_a_folder_and_of_the_repository() -> None:
    assert names(locked(ENTRIES, "app", ["Gemfile", "/vendor"], "abc")) == [
        b"app/Gemfile", b"vendor/a", b"vendor/b",
    ]  # fmt: skip


def test_what_is_not_there() -> None:
    with pytest.raises(InputError, match=r"abc has no gems.rb, which lock names;"):
        locked(ENTRIES, "", ["gems.rb"], "abc")
    with pytest.raises(InputError, match=r"no app/gems.rb, .* released with app: name it in depe"):
        locked(ENTRIES, "app", ["gems.rb"], "abc")


def _git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def _commit(repository: Path, **files: str) -> None:
    for name, text in files.items():
        (repository / name).write_text(text)
    _git(repository, "add", "--all")
    _git(repository, "commit", "--allow-empty", "-m", "more")


def _source(repository: Path, folder: Path) -> Source:
    asked = app(
        repository=str(repository), ref="HEAD", dependencies="./install", lock=("packages",),
        build="", test="true", start="./run",
    )  # fmt: skip
    return check_out(asked, folder)


def test_a_commit_that_changes_no_dependency_has_the_same_digest(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    _git(repository, "init", "--quiet", "--initial-branch=main")
    _commit(repository, packages="a 1\n", run="1\n")
    first = _source(repository, tmp_path / "1")
    _commit(repository, run="2\n")
    second = _source(repository, tmp_path / "2")
    _commit(repository, packages="a 2\n")
    third = _source(repository, tmp_path / "3")
    assert first.lock_digest == second.lock_digest != third.lock_digest
    assert len({first.digest, second.digest, third.digest}) == 3
    assert first.lock_archive
    with tarfile.open(first.lock_archive) as tar:
        assert tar.getnames() == ["packages"]
