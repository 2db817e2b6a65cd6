"""Each user has a build folder of their own: root first, and then another."""

import os
from pathlib import Path

import pytest

from rehearsal.build import build_folder, trusted

USER, OTHER = os.getuid(), 54321


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def test_the_usual_one_is_in_the_working_tree(tree: Path) -> None:
    assert build_folder(tree, {}, USER) == tree / "build"
    (tree / "build").mkdir()
    assert build_folder(tree, {}, USER) == tree / "build"
    assert build_folder(tree, {"SPOTKILN_BUILD": str(tree / "x")}, USER) == tree / "x"


def test_another_users_is_left_alone(tree: Path) -> None:
    (tree / "build").mkdir()
    assert build_folder(tree, {}, OTHER) == tree / f"build-{OTHER}"


@pytest.mark.skipif(USER != 0, reason="only root can give folders away")
def test_root_takes_no_other_users(tree: Path) -> None:
    (tree / "build").mkdir()
    os.chown(tree / "build", OTHER, OTHER)
    assert build_folder(tree, {}, USER) == tree / f"build-{USER}"
    assert build_folder(tree, {"SPOTKILN_BUILD": ""}, OTHER) == tree / "build"


@pytest.mark.skipif(USER == 0, reason="root may write everywhere")
def test_where_nothing_can_be_made_it_is_in_the_home(tree: Path) -> None:
    tree.chmod(0o555)
    found = build_folder(tree, {"HOME": "/home/me"}, USER)
    assert found.parent == Path("/home/me/.local/state/spotkiln")
    assert found.name.startswith(f"{tree.name}-")
    found = build_folder(tree, {"HOME": "/home/me", "XDG_STATE_HOME": "/state"}, USER)
    assert found.parent == Path("/state/spotkiln")


def test_an_installation_is_left_as_it_is(tmp_path: Path) -> None:
    """Its folder belongs to whoever installs."""
    found = build_folder(tmp_path, {"HOME": "/home/me"}, USER)
    assert found.parent == Path("/home/me/.local/state/spotkiln")


def test_git_works_in_what_another_user_has_made(tmp_path: Path) -> None:
    (tmp_path / "build" / "dice" / ".git").mkdir(parents=True)
    assert trusted(tmp_path, USER) == {}
    assert trusted(tmp_path, OTHER) == {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": str(tmp_path),
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": str(tmp_path / "build" / "dice"),
    }
