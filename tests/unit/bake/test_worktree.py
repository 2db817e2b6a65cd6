"""What is released is what a fresh checkout has: whatever attributes say, with submodules and Git
LFS, from real repositories."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spotkiln.bake.git import check_out
from spotkiln.errors import InfrastructureError, InputError
from tests.unit.bake.repositories import (
    PICTURE,
    POINTER,
    change,
    content,
    lfs_repository,
    needs_lfs,
    released,
    repository,
    without_lfs,
)
from tests.unit.nouns import plain
from tests.unit.repository import run_git

pytestmark = pytest.mark.programs


def test_export_attributes_change_nothing(tmp_path: Path) -> None:
    files = {
        ".gitattributes": b"/spec export-ignore\nversion.rb export-subst\n",
        "spec/a_spec.rb": b"it\n",
        "deep/.gitattributes": b"* export-ignore export-subst\n",
        "deep/a.rb": b"$Format:%H$\n",
        "version.rb": b"VERSION = '$Format:%H$'\n",
    }
    assert content(released(repository(tmp_path, files), tmp_path)) == files


def test_attributes_that_are_not_utf_8_are_read_all_the_same(tmp_path: Path) -> None:
    files = {
        ".gitattributes": b"# Fran\xe7ais: filter=lfs\n*.txt eol=crlf\n*.psd filter=lfs -text\n",
        "a.txt": b"one\r\n",
    }
    assert content(released(repository(tmp_path, files), tmp_path)) == files


def test_what_a_checkout_has_is_kept(tmp_path: Path) -> None:
    made = repository(
        tmp_path, {"bin/run": b"#!/bin/sh\n", "a b/\u00fc\t|.txt": b"x", "a\\b": b"y"}
    )
    (made / "bin" / "run").chmod(0o755)
    (made / "current").symlink_to("bin/run")
    (made / "out").symlink_to("/etc/passwd")
    odd = os.fsdecode(b"caf\xe9.txt")
    (made / odd).write_bytes(b"odd")
    change(made, {})
    source = released(made, tmp_path)
    assert content(source) == {
        "bin/run": b"#!/bin/sh\n",
        "a b/\u00fc\t|.txt": b"x",
        "a\\b": b"y",
        odd: b"odd",
        "current": b"-> bin/run",
        "out": b"-> /etc/passwd",
    }
    listed = subprocess.run(
        ["tar", "--list", "--verbose", "--utc", "--file", source.archive],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    ).stdout
    assert b"-rwxr-xr-x 0/0" in listed
    assert b"-rw-r--r-- 0/0               3 2024-05-01 12:00 caf\\351.txt" in listed
    assert b"drwxr-xr-x 0/0               0 2024-05-01 12:00 bin/" in listed


def test_this_machines_own_settings_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = repository(tmp_path, {"a.rb": b"one\ntwo\n"})
    digest = released(made, tmp_path).digest
    (tmp_path / "attributes").write_text("*.rb eol=crlf\n")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / "config").write_text(
        f"[core]\nautocrlf = true\nattributesFile = {tmp_path}/attributes\nhooksPath = {hooks}\n"
        '[filter "lfs"]\nrequired = true\nprocess = /no/such/program\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    assert released(made, tmp_path).digest == digest
    assert not (tmp_path / "was-run").exists()


def test_the_digest_is_of_what_is_released_and_of_nothing_else(tmp_path: Path) -> None:
    made = repository(tmp_path, {"a": b"one"})
    first = released(made, tmp_path)
    change(made, {})
    assert released(made, tmp_path).digest == first.digest
    digests = [first.digest]
    for step in (
        lambda: (made / "a").write_bytes(b"two"),
        lambda: (made / "a").chmod(0o755),
        lambda: (made / "a").rename(made / "b"),
        lambda: (made / "c").symlink_to("b"),
        lambda: (made / "c").unlink() or (made / "c").write_bytes(b"b"),  # type: ignore[func-returns-value]
    ):
        step()
        change(made, {})
        digests.append(released(made, tmp_path).digest)
    assert len(set(digests)) == len(digests)
    assert all(len(one) == 40 for one in digests)


def test_a_branch_that_is_not_utf_8_ends_no_release(tmp_path: Path) -> None:
    made = repository(tmp_path, {"a": b"x"})
    here = run_git(made, "rev-parse", "HEAD")
    packed = made / ".git" / "packed-refs"
    packed.write_bytes(b"# pack-refs with: peeled fully-peeled sorted \n")
    with packed.open("ab") as file:
        file.write(here.encode() + b" refs/heads/caf\xe9\n")
    assert released(made, tmp_path).commit == here
    assert released(made, tmp_path, here[:9]).commit == here
    with pytest.raises(InputError, match="branches and tags: caf\ufffd, main"):
        released(made, tmp_path, "no-such")


def test_a_subject_that_is_not_utf_8_is_shown(tmp_path: Path) -> None:
    made = repository(tmp_path, {"a": b"x"})
    raw = subprocess.run(
        ["git", "cat-file", "commit", "HEAD"], cwd=made, capture_output=True, check=True
    ).stdout
    (tmp_path / "commit").write_bytes(raw.replace(b"Change", b"Open \x1b[1mthe caf\xe9"))
    name = run_git(made, "hash-object", "-t", "commit", "-w", "--literally", f"{tmp_path}/commit")
    run_git(made, "update-ref", "refs/heads/main", name)
    assert released(made, tmp_path).subject == "Open the caf\ufffd"


# -- git-crypt -------------------------------------------------------------------------------------


def test_files_of_git_crypt_are_refused_by_name(tmp_path: Path) -> None:
    made = repository(
        tmp_path,
        {
            ".gitattributes": b"*.key filter=git-crypt diff=git-crypt\n",
            "config/\u00fc.key": b"\0GITCRYPT\0" + bytes(30),
            "config/open.key": b"open",
        },
    )
    with pytest.raises(InputError, match=r"that git-crypt has encrypted \(config/\u00fc\.key\)"):
        released(made, tmp_path)


# -- Git LFS ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        {".gitattributes": b"# *.png filter=lfs diff=lfs merge=lfs -text\n", "a.png": PICTURE},
        {".gitattributes": b"*.psd filter=lfs diff=lfs merge=lfs -text\n", "a.png": PICTURE},
        # Committed before the attribute was, and never since.
        {".gitattributes": b"*.png filter=lfs -text\n", "a.png": PICTURE},
        # A test's file that only looks like a pointer, and one that the attributes leave out.
        {"spec/pointer.txt": POINTER},
        {".gitattributes": b"*.png filter=lfs\nspec/*.png -filter\n", "spec/a.png": POINTER},
        {".gitattributes": b"*.png filter=lfs\n", "a.png": POINTER + bytes(2000)},
        {".gitattributes": b"*.png filter=lfs\n", "a.png": b""},
    ],
)
def test_pointers_decide_and_not_the_text_of_attributes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]
) -> None:
    without_lfs(tmp_path, monkeypatch)
    assert content(released(repository(tmp_path, files), tmp_path)) == files


def test_real_pointers_are_refused_by_name_without_git_lfs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {".gitattributes": b"*.png filter=lfs\n", "b\u00fccher/a b.png": POINTER}
    made = repository(tmp_path, files)
    without_lfs(tmp_path, monkeypatch)
    with pytest.raises(InputError) as caught:
        released(made, tmp_path)
    assert "keeps files in Git LFS (b\u00fccher/a b.png), and there is no git-lfs" in str(
        caught.value
    )


@needs_lfs
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_files_in_lfs_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """Also on a machine where nobody has run `git lfs install`."""
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    served = lfs_repository(tmp_path)
    source = check_out(plain(repository=f"{scheme}{served}", ref="main"), tmp_path / "source")
    assert content(source)["b\u00fccher/a b.png"] == PICTURE


@needs_lfs
def test_what_the_repository_leaves_out_of_quick_clones_is_fetched_too(tmp_path: Path) -> None:
    served = lfs_repository(tmp_path)
    work = tmp_path / "work"
    change(work, {".lfsconfig": b"[lfs]\nfetchexclude = *\n"})
    run_git(work, "push", "--quiet", "origin", "main")
    assert content(released(served, tmp_path))["b\u00fccher/a b.png"] == PICTURE


@needs_lfs
def test_a_file_that_the_lfs_server_has_not_is_refused_by_name(tmp_path: Path) -> None:
    served = lfs_repository(tmp_path)
    shutil.rmtree(served / "lfs")
    with pytest.raises(
        InputError, match=r"Git LFS \(b\u00fccher/a b\.png\), which cannot be fetched"
    ):
        released(served, tmp_path)


@needs_lfs
def test_an_lfs_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    served = lfs_repository(tmp_path)
    work = tmp_path / "work"
    change(work, {".lfsconfig": b"[lfs]\nurl = http://127.0.0.1:1/x\n"})
    run_git(work, "push", "--quiet", "origin", "main")
    with pytest.raises(InfrastructureError, match="connection refused"):
        released(served, tmp_path)


# -- Submodules ------------------------------------------------------------------------------------
