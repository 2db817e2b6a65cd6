"""The application's folder as commits of the rehearsal's own."""

import subprocess
from pathlib import Path

import pytest

from rehearsal.tree import BRANCH, CHANGE, change, commit_of, take


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def application(tmp_path: Path) -> Path:
    top = tmp_path / "application"
    top.mkdir()
    git(top, "init", "--quiet")
    (top / ".gitignore").write_text("ignored\n")
    (top / "kept").write_text("one\n")
    script = top / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    git(top, "add", "--all")
    git(top, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "one")
    return top


def files(repository: Path) -> dict[str, str]:
    listed = git(repository, "ls-tree", "-r", BRANCH).splitlines()
    return {line.split("\t")[1]: line.split()[0] for line in listed}


def test_what_lies_there_committed_or_not_but_nothing_that_git_ignores(
    application: Path, tmp_path: Path
) -> None:
    for name in ("ignored", "excluded", "new"):
        (application / name).write_text("x")
    (application / ".git" / "info" / "exclude").write_text("excluded\n")
    (application / "kept").write_text("two\n")
    repository = tmp_path / "repository"
    take(application, repository)
    assert files(repository) == {
        ".gitignore": "100644",
        "kept": "100644",
        "new": "100644",
        "run.sh": "100755",
    }
    assert git(repository, "show", f"{BRANCH}:kept") == "two\n"


def test_what_is_tracked_although_git_ignores_it(application: Path, tmp_path: Path) -> None:
    """A release has it: config/database.yml of a Rails application, the .keep of log/ and tmp/."""
    (application / ".gitignore").write_text("config/*\n*.keep\n")
    for name in ("config/database.yml", "config/other", "log/.keep", "gone.keep"):
        (application / name).parent.mkdir(exist_ok=True)
        (application / name).write_text("x")
    git(application, "add", "--force", "config/database.yml", "log/.keep", "gone.keep")
    (application / "gone.keep").unlink()
    take(application, tmp_path / "repository")
    assert set(files(tmp_path / "repository")) == {
        ".gitignore", "config/database.yml", "kept", "log/.keep", "run.sh",
    }  # fmt: skip


def test_its_settings_are_never_taken(application: Path, tmp_path: Path) -> None:
    (application / ".spotkiln").mkdir()
    (application / ".spotkiln" / "rehearsal.env").write_text("SECRET=s3cret\n")
    git(application, "add", "--force", ".spotkiln/rehearsal.env")
    take(application, tmp_path / "repository")
    assert not [name for name in files(tmp_path / "repository") if name.startswith(".spotkiln")]


def test_the_application_itself_stays_as_it_was(application: Path, tmp_path: Path) -> None:
    (application / "new").write_text("x")
    before = git(application, "status", "--porcelain"), git(application, "count-objects")
    take(application, tmp_path / "repository")
    change(tmp_path / "repository", "")
    assert (git(application, "status", "--porcelain"), git(application, "count-objects")) == before


@pytest.mark.parametrize(("folder", "name"), [("", CHANGE), ("apps/web", f"apps/web/{CHANGE}")])
def test_a_change_is_one_more_commit_with_one_more_file(
    application: Path, tmp_path: Path, folder: str, name: str
) -> None:
    repository = tmp_path / "repository"
    take(application, repository)
    before = files(repository)
    change(repository, folder)
    assert files(repository) == {**before, name: "100644"}
    assert git(repository, "rev-list", "--count", BRANCH).strip() == "2"


def test_the_commit_tells_whether_it_is_all(application: Path, tmp_path: Path) -> None:
    assert commit_of(application) == git(application, "rev-parse", "--short=12", "HEAD").strip()
    (application / "kept").write_text("two\n")
    assert commit_of(application).endswith("-dirty")
    assert commit_of(tmp_path) == ""


def test_a_folder_in_which_nothing_is_committed_yet(tmp_path: Path) -> None:
    top = tmp_path / "application"
    top.mkdir()
    git(top, "init", "--quiet")
    (top / "new").write_text("x")
    take(top, tmp_path / "repository")
    assert set(files(tmp_path / "repository")) == {"new"}
