"""The recipe's digest is the image's identity."""

from pathlib import Path

import pytest

from spotkiln.bake.recipe import Recipe, digest_of, digest_of_files
from spotkiln.errors import InputError


def test_the_same_inputs_are_the_same_image() -> None:
    one = Recipe(inputs={"base": "ami-1", "source": "12ab"})
    other = Recipe(inputs={"source": "12ab", "base": "ami-1"})
    assert one.digest == other.digest
    assert len(one.digest) == 40


def test_any_other_input_is_another_image() -> None:
    digests = {
        Recipe(inputs=inputs).digest
        for inputs in (
            {"base": "ami-1", "source": "12ab"},
            {"base": "ami-2", "source": "12ab"},
            {"base": "ami-1", "source": "12ab", "units": "cd"},
            {"source": "ami-1", "base": "12ab"},
        )
    }
    assert len(digests) == 4


def test_a_tag_tells_which_inputs_differ() -> None:
    recipe = Recipe(inputs={"base": "ami-1", "source": "12ab", "units": "cd"})
    assert recipe.to_tag() == "base=ami-1 source=12ab units=cd"
    assert recipe.differences(recipe.to_tag()) == []
    assert recipe.differences("base=ami-2 source=12ab scripts=ef") == ["base", "scripts", "units"]


@pytest.mark.parametrize("tag", ["", "something else", "=="])
def test_a_tag_that_tells_nothing_differs_in_everything(tag: str) -> None:
    assert {"base", "source"} <= set(
        Recipe(inputs={"base": "ami-1", "source": "12ab"}).differences(tag)
    )


def test_digest_of_does_not_depend_on_the_order() -> None:
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})
    assert len(digest_of("x")) == 12


def files(folder: Path) -> str:
    return digest_of_files(folder, ["*.sh", "units/*"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "a.service").write_text("[Unit]\n")
    (tmp_path / "run.sh").write_text("true\n")
    (tmp_path / "README").write_text("not an input\n")
    return tmp_path


def test_files_that_do_not_match_are_no_input(folder: Path) -> None:
    before = files(folder)
    (folder / "README").write_text("changed\n")
    assert files(folder) == before


def test_contents_names_and_modes_are_inputs(folder: Path) -> None:
    seen = {files(folder)}
    (folder / "run.sh").write_text("false\n")
    seen.add(files(folder))
    (folder / "run.sh").chmod(0o755)
    seen.add(files(folder))
    (folder / "run.sh").rename(folder / "go.sh")
    seen.add(files(folder))
    (folder / "units" / "b.service").write_text("")
    seen.add(files(folder))
    assert len(seen) == 5


def test_the_place_is_no_input(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    folder.rename(elsewhere)
    moved = files(elsewhere)
    elsewhere.rename(folder)
    assert files(folder) == moved


def test_a_missing_file_is_a_broken_installation(folder: Path) -> None:
    with pytest.raises(InputError, match=r"has no \*\.hcl, .*: it is broken; install"):
        digest_of_files(folder, ["*.sh", "*.hcl"])
