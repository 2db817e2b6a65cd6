"""Submodules: which of their files are released."""

import shutil
from pathlib import Path

import pytest

from spotkiln.errors import InfrastructureError, InputError
from tests.unit.bake.repositories import (
    PICTURE,
    add_submodule,
    change,
    content,
    lfs_repository,
    local_submodules,
    needs_lfs,
    released,
    repository,
)
from tests.unit.repository import commit, run_git

pytestmark = pytest.mark.programs

__all__ = ["local_submodules"]


@pytest.mark.usefixtures("local_submodules")
def test_submodules_are_at_their_recorded_commits(tmp_path: Path) -> None:
    """Nested ones, with relative addresses, and not at what is newest there."""
    inner = repository(tmp_path, {"inner.txt": b"inner one"}, "inner")
    library = repository(tmp_path, {"lib.rb": b"lib one", "spec/a": b"x"}, "library")
    change(library, {".gitattributes": b"/spec export-ignore\n"})
    add_submodule(library, "../inner", "deps/\u00fcnner")
    made = repository(tmp_path, {"app.rb": b"app"})
    add_submodule(made, "../library", "vendor/lib")
    change(library, {"lib.rb": b"lib two"})
    change(inner, {"inner.txt": b"inner two"})
    found = content(released(made, tmp_path))
    assert found["vendor/lib/lib.rb"] == b"lib one"
    assert found["vendor/lib/spec/a"] == b"x"
    assert found["vendor/lib/deps/\u00fcnner/inner.txt"] == b"inner one"
    assert found["app.rb"] == b"app"
    assert not [name for name in found if ".git" in name.split("/")]


@pytest.mark.usefixtures("local_submodules")
def test_a_submodules_new_commit_is_another_image(tmp_path: Path) -> None:
    library = repository(tmp_path, {"lib.rb": b"one"}, "library")
    made = repository(tmp_path, {"app.rb": b"app"})
    add_submodule(made, "../library", "lib")
    before = released(made, tmp_path).digest
    change(library, {"lib.rb": b"two"})
    run_git(made / "lib", "pull", "--quiet", "origin", "main")
    change(made, {})
    after = released(made, tmp_path)
    assert content(after)["lib/lib.rb"] == b"two"
    assert after.digest != before


@pytest.mark.usefixtures("local_submodules")
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_commit_that_no_branch_has_any_more_is_found(tmp_path: Path, scheme: str) -> None:
    """The submodule was rebased since: by its old commit only is it still to be had."""
    library = repository(tmp_path, {"lib.rb": b"one"}, "library")
    run_git(library, "config", "uploadpack.allowAnySHA1InWant", "true")
    made = repository(tmp_path, {"app.rb": b"app"})
    add_submodule(made, f"{scheme}{library}", "lib")
    run_git(library, "commit", "--quiet", "--amend", "--message", "Another")
    assert content(released(made, tmp_path))["lib/lib.rb"] == b"one"


@pytest.mark.usefixtures("local_submodules")
def test_a_commit_that_is_not_there_names_the_submodule(tmp_path: Path) -> None:
    library = repository(tmp_path, {"lib.rb": b"one"}, "library")
    made = repository(tmp_path, {"app.rb": b"app"})
    add_submodule(made, "../library", "vendor/lib")
    change(made / "vendor" / "lib", {"lib.rb": b"never pushed"})
    change(made, {})
    assert library.is_dir()
    with pytest.raises(InputError, match=r"cannot check out submodule vendor/lib of .*pushed"):
        released(made, tmp_path)


@pytest.mark.usefixtures("local_submodules")
def test_trouble_inside_a_nested_submodule_names_it_from_the_top(tmp_path: Path) -> None:
    inner = repository(tmp_path, {"secret": b"\0GITCRYPT\0" + bytes(9)}, "inner")
    library = repository(tmp_path, {"lib.rb": b"x"}, "library")
    add_submodule(library, "../inner", "inner")
    made = repository(tmp_path, {"app.rb": b"app"})
    add_submodule(made, "../library", "vendor/lib")
    with pytest.raises(
        InputError, match=r"submodule vendor/lib/inner of \w+ has files .*\(secret\)"
    ):
        released(made, tmp_path)
    shutil.rmtree(inner)
    with pytest.raises(InputError, match=r"cannot check out submodule vendor/lib/inner of"):
        released(made, tmp_path)


def test_a_submodule_on_this_machine_is_not_taken_without_leave(tmp_path: Path) -> None:
    """A repository must not name another one that only the worker may read."""
    repository(tmp_path, {"lib.rb": b"x"}, "library")
    made = repository(tmp_path, {"app.rb": b"app"})
    add_submodule(made, "../library", "lib")
    with pytest.raises(InputError, match=r"submodule lib .*transport 'file' not allowed"):
        released(made, tmp_path)


def test_a_repository_inside_that_is_no_submodule_is_named(tmp_path: Path) -> None:
    """What `git add .` makes of a clone that lies inside."""
    made = repository(tmp_path, {"app.rb": b"app"})
    here = commit(made, "one")
    run_git(made, "update-index", "--add", "--cacheinfo", f"160000,{here},vendor/lib")
    run_git(made, "commit", "--quiet", "--message", "By mistake")
    with pytest.raises(InputError, match=r"submodule vendor/lib .*No url found"):
        released(made, tmp_path)


@pytest.mark.usefixtures("local_submodules")
def test_a_submodules_token_is_not_told(tmp_path: Path) -> None:
    repository(tmp_path, {"lib.rb": b"x"}, "library")
    made = repository(tmp_path, {"app.rb": b"app"})
    add_submodule(made, "../library", "lib")
    modules = (made / ".gitmodules").read_text()
    change(
        made,
        {".gitmodules": modules.replace("../library", "http://x:tok/en@127.0.0.1:1/l").encode()},
    )
    with pytest.raises((InputError, InfrastructureError), match="submodule lib") as caught:
        released(made, tmp_path)
    assert "tok" not in str(caught.value)
    assert "en@" not in str(caught.value)


@pytest.mark.usefixtures("local_submodules")
def test_a_submodule_that_clones_leave_out_is_left_out(tmp_path: Path) -> None:
    repository(tmp_path, {"lib.rb": b"x"}, "library")
    made = repository(tmp_path, {"app.rb": b"app"})
    add_submodule(made, "../library", "lib")
    run_git(made, "config", "--file", ".gitmodules", "submodule.lib.update", "none")
    change(made, {})
    assert set(content(released(made, tmp_path))) == {".gitmodules", "app.rb"}


@needs_lfs
@pytest.mark.usefixtures("local_submodules")
def test_a_submodules_files_in_lfs_are_fetched(tmp_path: Path) -> None:
    served = lfs_repository(tmp_path)
    made = repository(tmp_path, {"app.rb": b"app"})
    # Its own address is what git-lfs asks, and not the address of what it is part of.
    add_submodule(made, f"file://{served}", "art")
    assert content(released(made, tmp_path))["art/b\u00fccher/a b.png"] == PICTURE
