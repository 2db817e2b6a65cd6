"""Packs files into an archive that is the same for the same commit."""

import gzip
import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from spotkiln.bake.worktree import SYMLINK, Entry


def pack(folder: Path, entries: Iterable[Entry], seconds: int, archive: Path) -> str:
    """Write the files below `folder` to `archive`, a .tar.gz; each gets the time `seconds` (since
    1970). Returns the digest of names, modes and contents, 40 hex characters: the time is not in
    it, for two commits of the same files are the same application.
    """
    total = hashlib.sha256()
    # No time stamp of its own and no owner's name.
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        tarfile.open(
            fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape"
        ) as tar,
    ):
        made: set[bytes] = set()
        for one in sorted(entries, key=lambda entry: entry.path):
            for parent in _parents(one.path):
                if parent not in made:
                    made.add(parent)
                    tar.addfile(_member(parent, seconds, tarfile.DIRTYPE, 0o755))
            path = folder / os.fsdecode(one.path)
            content = _add(tar, one, path, seconds)
            total.update(b"%o %s\0%s\n" % (one.mode, one.path, content.encode()))
    return total.hexdigest()[:40]


def _parents(path: bytes) -> Iterator[bytes]:
    parts = path.split(b"/")[:-1]
    for number in range(len(parts)):
        yield b"/".join(parts[: number + 1])


def _member(path: bytes, seconds: int, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(os.fsdecode(path))
    member.type, member.mode, member.mtime = kind, mode, seconds
    return member


def _add(tar: tarfile.TarFile, one: Entry, path: Path, seconds: int) -> str:
    """Add a file or a link as such; the digest of its content."""
    if one.mode == SYMLINK:
        target = str(path.readlink())
        member = _member(one.path, seconds, tarfile.SYMTYPE, 0o777)
        member.linkname = target
        tar.addfile(member)
        return hashlib.sha256(os.fsencode(target)).hexdigest()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        executable = bool(one.mode & 0o100)
        member = _member(one.path, seconds, tarfile.REGTYPE, 0o755 if executable else 0o644)
        member.size = file.tell()
        file.seek(0)
        tar.addfile(member, file)
    return digest
