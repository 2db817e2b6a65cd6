"""Repositories with files, and what is released of them."""

import hashlib
import shutil
import tarfile
from pathlib import Path

import pytest

from spotkiln.bake.git import check_out
from spotkiln.bake.source import Source
from tests.unit.nouns import plain
from tests.unit.repository import run_git

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


def pointer(content: bytes = PICTURE) -> bytes:
    oid = hashlib.sha256(content).hexdigest()
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        oid.encode(),
        len(content),
    )


def without_lfs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH with git, and nothing else of where it is."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(programs))


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


needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")


POINTER = pointer()
