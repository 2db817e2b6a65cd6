"""Debian's vulnerabilities, as its security tracker publishes them for debsecan.

Source: debsecan's own reader. A file of a suite is compressed by zlib: `VERSION 1`, then three
parts with an empty line behind each: `id,flags,description`, a line for each vulnerability; then
`package,number,flags,fixed in unstable,versions that are not vulnerable`, where `number` is a line
of the first part; then which source has which packages, which is not needed here.
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import takewhile

from spotkiln.bake.contents import Contents, Kind, Package
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.release.vulnerabilities import Finding, Severity
from spotkiln.sbom.order import next_above, older

HEAD = "VERSION 1"
# Of a package's flags: whether it is a binary package's name, and whether there is a fix.
BINARY, FIX = "B", "F"
URGENCY = {"L": Severity.LOW, "M": Severity.MEDIUM, "H": Severity.HIGH}
MOST_BYTES = 256 * 1024 * 1024


class Told(Noun):
    """One line of the second part. `sound` are the versions that do not have it."""

    package: str
    id: str
    summary: str
    binary: bool
    severity: Severity
    fixable: bool
    unstable: str
    sound: tuple[str, ...]


def read(data: bytes) -> list[Told]:
    """
    Raises:
        InputError: it is something else.
    """
    try:
        text = zlib.decompressobj().decompress(data, MOST_BYTES).decode(errors="replace")
        lines = iter(text.split("\n"))
        _require_head(next(lines, ""))
        names = [one.split(",", 2) for one in _part(lines)]
        return [_told(line, names) for line in _part(lines)]
    except (zlib.error, ValueError, IndexError) as error:
        raise InputError(
            f"expected debsecan's data, version 1, compressed by zlib ({error})"
        ) from error


def is_such(start: bytes) -> bool:
    """Whether what begins so is debsecan's data."""
    try:
        return zlib.decompressobj().decompress(start, 4096).startswith(f"{HEAD}\n".encode())
    except zlib.error:
        return False


def _require_head(line: str) -> None:
    if line != HEAD:
        raise ValueError(f"it begins with {line[:20]!r}")


def _part(lines: Iterator[str]) -> list[str]:
    """Up to the next empty line."""
    return list(takewhile(bool, lines))


def _told(line: str, names: list[list[str]]) -> Told:
    package, number, flags, unstable, sound = line.split(",", 4)
    name = names[int(number)]
    flags = flags.ljust(4)
    return Told(
        package=package,
        id=name[0],
        summary=name[2] if len(name) > 2 else "",
        binary=flags[0] == BINARY,
        severity=URGENCY.get(flags[1], Severity.UNKNOWN),
        fixable=flags[3] == FIX,
        unstable=unstable,
        sound=tuple(sound.split()),
    )


def find(contents: Contents, told: Iterable[Told]) -> list[Finding]:
    """Which of them the image's packages have. Of a source that several packages come from each is
    found once, under the source's name."""
    sources: dict[str, set[tuple[str, str]]] = {}
    binaries: dict[str, set[tuple[str, str]]] = {}
    for one in contents.of(Kind.DEB):
        binaries.setdefault(one.name, set()).add((one.name, one.version))
        source, version = _source(one)
        sources.setdefault(source, set()).add((source, version))
    return [
        _finding(one, name, version)
        for one in told
        for name, version in (binaries if one.binary else sources).get(one.package, ())
        if _has(one, version)
    ]


def _source(package: Package) -> tuple[str, str]:
    return package.source or package.name, package.source_version or package.version


def _has(told: Told, version: str) -> bool:
    if version in told.sound:
        return False
    return not told.unstable or older(Kind.DEB, version, told.unstable)


def _finding(told: Told, name: str, version: str) -> Finding:
    fixed = next_above(Kind.DEB, version, [*told.sound, told.unstable]) if told.fixable else ""
    return Finding(
        id=told.id,
        kind=Kind.DEB,
        package=name,
        version=version,
        severity=told.severity,
        fixed=fixed,
        summary=told.summary,
    )
