"""What is released is what a fresh checkout has: whatever attributes say, with submodules and Git
LFS, from real repositories."""

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from spotkiln.bake.git import check_out
from spotkiln.bake.source import Source
from spotkiln.errors import InfrastructureError, InputError
from tests.unit.nouns import plain
from tests.unit.repository import commit, run_git

needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
PICTURE = b"\x89PNG" + bytes(range(256)) * 20


def repository(folder: Path, files: dict[str, bytes], name: str = "demo") -> Path:
    made = folder / name
    made.mkdir()
    run_git(made, "init", "--quiet", "--initial-branch=main")
    change(made, files)
    return made


def change(repository: Path, files: dict[str, bytes]) -> str:
    for path, content in files.items():
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    run_git(repository, "add", "--all", "--force")
    run_git(repository, "commit", "--quiet", "--allow-empty", "--message", "Change")
    return run_git(repository, "rev-parse", "HEAD")


def released(repository: Path, folder: Path, ref: str = "main") -> Source:
    return check_out(plain(repository=str(repository), ref=ref), folder / "source")


def content(source: Source) -> dict[str, bytes]:
    """The released files by name; a link's content is where it points."""
    with tarfile.open(source.archive, encoding="utf-8", errors="surrogateescape") as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member) if member.isreg() else None
            if file:
                found[member.name] = file.read()
            elif member.issym():
                found[member.name] = b"-> " + member.linkname.encode()
        return found


@pytest.fixture
def local_submodules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git takes no submodule from this machine unless it is told to."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")


def add_submodule(repository: Path, url: str, path: str) -> None:
    run_git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", url, path)
    run_git(repository, "commit", "--quiet", "--message", f"Add {path}")


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


def pointer(content: bytes = PICTURE) -> bytes:
    oid = hashlib.sha256(content).hexdigest()
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        oid.encode(),
        len(content),
    )


POINTER = pointer()


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


def without_lfs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH with git, and nothing else of where it is."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(programs))


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


def lfs_repository(folder: Path, attributes: bytes = b"*.png filter=lfs -text\n") -> Path:
    """A repository whose server has the picture, as `git push` leaves it there."""
    served = folder / "served.git"
    run_git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(served))
    made = repository(
        folder, {".gitattributes": attributes, "b\u00fccher/a b.png": POINTER}, "work"
    )
    run_git(made, "remote", "add", "origin", f"file://{served}")
    run_git(made, "push", "--quiet", "origin", "main")
    oid = hashlib.sha256(PICTURE).hexdigest()
    kept = served / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    kept.parent.mkdir(parents=True)
    kept.write_bytes(PICTURE)
    return served


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
