"""The example applications' repositories: people try things in them, and lose nothing."""

import subprocess
from pathlib import Path

import pytest

from examples.repositories import ensure, make_demo, make_dice

pytestmark = [pytest.mark.programs, pytest.mark.timeout(120)]


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    done = subprocess.run(
        ["git", *who, "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "build" / "demo-web-app", tmp_path / "build" / "dice"
    assert ensure(*paths) == []
    return paths


def commit(folder: Path) -> None:
    (folder / "mine.txt").write_text("mine\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Mine")


def on_a_branch(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "-b", "mine")
    commit(folder)
    git(folder, "checkout", "--quiet", "v1")


def without_commit(folder: Path) -> None:
    (folder / "mine.txt").write_text("mine\n")


def ignored(folder: Path) -> None:
    (folder / ".git" / "info" / "exclude").write_text("mine.txt\n")
    without_commit(folder)


def stashed(folder: Path) -> None:
    without_commit(folder)
    git(folder, "stash", "--quiet", "--include-untracked")


def other_checked_out(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "--detach")


def no_repository(folder: Path) -> None:
    subprocess.run(["rm", "-rf", str(folder / ".git")], check=True)
    without_commit(folder)


@pytest.mark.parametrize(
    "change",
    [commit, on_a_branch, without_commit, ignored, stashed, other_checked_out, no_repository],
)
def test_what_somebody_has_changed_stays(both, change) -> None:  # type: ignore[no-untyped-def]
    for folder in both:
        change(folder)
    before = {one: (one.stat().st_ino, sorted(one.rglob("*"))) for one in both}
    assert ensure(*both) == list(both)
    assert {one: (one.stat().st_ino, sorted(one.rglob("*"))) for one in both} == before


def test_untouched_they_stay_too(both: tuple[Path, Path]) -> None:
    before = [one.stat().st_ino for one in both]
    assert ensure(*both) == []
    assert [one.stat().st_ino for one in both] == before
    assert sorted(one.name for one in both[0].parent.iterdir()) == ["demo-web-app", "dice"]


def test_those_of_an_older_version_are_made_anew_if_nobody_has_touched_them(
    both: tuple[Path, Path],
) -> None:
    """As that version has left them: with what it made written down."""
    demo, dice = both
    commit(dice)
    state = "\n".join(
        (
            git(dice, "symbolic-ref", "--quiet", "HEAD"),
            git(dice, "for-each-ref", "--format=%(refname) %(objectname)"),
            "",
        )
    )
    (dice / ".git" / "spotkiln-made").write_text(state)
    assert ensure(demo, dice) == []
    assert not (dice / "mine.txt").exists()
    assert git(dice, "rev-list", "--count", "v1") == "1"


def test_the_same_files_give_the_same_commits(both: tuple[Path, Path], tmp_path: Path) -> None:
    demo, dice = make_demo(tmp_path / "demo"), make_dice(tmp_path / "dice")
    for made, kept in zip((demo, dice), both, strict=True):
        assert git(made, "for-each-ref") == git(kept, "for-each-ref")
