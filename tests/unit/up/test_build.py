"""Each user has a build folder of their own: root first, and then another."""

import os
from pathlib import Path

import pytest

from rehearsal.build import build_folder, trusted

USER, OTHER = os.getuid(), 54321


def test_the_usual_one_is_in_the_working_tree(tmp_path: Path) -> None:
    assert build_folder(tmp_path, {}, USER) == tmp_path / "build"
    (tmp_path / "build").mkdir()
    assert build_folder(tmp_path, {}, USER) == tmp_path / "build"
    assert build_folder(tmp_path, {"SPOTKILN_BUILD": str(tmp_path / "x")}, USER) == tmp_path / "x"


def test_another_users_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    assert build_folder(tmp_path, {}, OTHER) == tmp_path / f"build-{OTHER}"


@pytest.mark.skipif(USER != 0, reason="only root can give folders away")
def test_root_takes_no_other_users(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    os.chown(tmp_path / "build", OTHER, OTHER)
    assert build_folder(tmp_path, {}, USER) == tmp_path / f"build-{USER}"
    assert build_folder(tmp_path, {"SPOTKILN_BUILD": ""}, OTHER) == tmp_path / "build"


@pytest.mark.skipif(USER == 0, reason="root may write everywhere")
def test_where_nothing_can_be_made_it_is_in_the_home(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    found = build_folder(tmp_path, {"HOME": "/home/me"}, USER)
    assert found.parent == Path("/home/me/.local/state/spotkiln")
    assert found.name.startswith(f"{tmp_path.name}-")
    found = build_folder(tmp_path, {"HOME": "/home/me", "XDG_STATE_HOME": "/state"}, USER)
    assert found.parent == Path("/state/spotkiln")


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
