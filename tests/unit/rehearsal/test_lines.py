"""Which base image an application is rehearsed on."""

from pathlib import Path

import pytest

from rehearsal.account import base_key
from rehearsal.lines import LINES, MANAGERS, key_of, line_for
from spotkiln.bake.base import BaseSpec
from spotkiln.errors import InputError


@pytest.mark.parametrize("kind", ["Rails", "Rack", "Procfile", ""])
def test_what_is_not_known_has_the_default_line(kind: str) -> None:
    assert line_for(kind, (), None) == BaseSpec()


@pytest.mark.parametrize("kind", sorted(LINES))
def test_each_kind_has_its_own(kind: str) -> None:
    base = line_for(kind, (), None)
    assert base.name == LINES[kind]["name"] != BaseSpec().name
    assert base.packages


def test_what_the_tests_start_there_is_installed_too() -> None:
    base = line_for("Django", ("redis", "postgresql"), None)
    assert base.packages[: len(LINES["Django"]["packages"])] == LINES["Django"]["packages"]
    assert base.packages[-2:] == ["postgresql", "redis-server"]


def test_the_default_line_keeps_its_own_packages_beside_them() -> None:
    base = line_for("Rails", ("redis", "postgresql"), None)
    assert base.packages == BaseSpec().packages
    assert base.setup.endswith("postgresql redis-server")


def test_a_package_manager_that_its_lock_file_asks_for_is_set_up() -> None:
    base = line_for("Node", ("redis",), None, ["pnpm", "Node", "the package nfs-common"])
    assert base.setup == MANAGERS["pnpm"]
    assert base.packages == [*LINES["Node"]["packages"], "redis-server"]
    assert line_for("Django", (), None, ["uv"]).setup.endswith("/usr/local/bin/uv")
    assert "postgresql" in line_for("Rails", ("postgresql",), None, ["yarn"]).setup
    assert "yarn" in line_for("Rails", ("postgresql",), None, ["yarn"]).setup


@pytest.mark.parametrize("kind", ["Rails", "Rack"])
def test_gems_of_a_lock_file_are_compiled_there(kind: str) -> None:
    """Debian's own gems are of no use to them, and the default line has no compiler."""
    base = line_for(kind, ("postgresql",), None, lock="Gemfile.lock")
    assert base.name == "ruby"
    assert {"ruby", "ruby-dev", "build-essential", "libpq-dev", "postgresql"} <= {*base.packages}
    assert not [one for one in base.packages if one == "ruby-rails"]
    assert line_for("Django", (), None, lock="Gemfile.lock").name == "python"


def test_assets_that_node_compiles_have_it() -> None:
    """What is to be installed by npm comes after npm."""
    setup = line_for("Rails", (), None, ["Node", "yarn"]).setup.splitlines()
    assert setup[0].endswith("nodejs npm")
    assert setup[1:] == [MANAGERS["yarn"]]
    base = line_for("Rails", (), None, ["Node"], lock="Gemfile.lock")
    assert base.packages[-2:] == ["nodejs", "npm"]
    assert not base.setup


def test_a_file_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "base.yaml"
    file.write_text("name: node-22\npackages: [nodejs]\n")
    base = line_for("Django", ("redis",), file)
    assert base == BaseSpec(name="node-22", packages=["nodejs"])


@pytest.mark.parametrize("text", ["", "- name", "name: [", "nmae: node", "name: NODE"])
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "base.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=r"base\.yaml"):
        line_for("", (), file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        line_for("", (), tmp_path / "none.yaml")


def test_two_lines_are_never_taken_for_each_other() -> None:
    bases = [line_for(kind, (), None) for kind in ("Node", "Go", "Django", "Rails")]
    assert len({key_of(base) for base in bases}) == len(bases)
    assert key_of(BaseSpec()) == base_key()
