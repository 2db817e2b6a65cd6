"""Vulnerabilities of locked dependencies, as OSV exports them: a zip file for each ecosystem, in
which each is a JSON file. Source: the OSV schema, 1.6."""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spotkiln.bake.contents import Contents, Kind, Package
from spotkiln.errors import InputError
from spotkiln.release.vulnerabilities import Finding, Severity
from spotkiln.sbom.order import next_above, version
from spotkiln.sbom.severity import of_vectors, of_word

ECOSYSTEMS = {Kind.GEM: "RubyGems", Kind.NPM: "npm", Kind.PYPI: "PyPI"}
# Kinds of ranges that name versions; the others name commits. What begins one.
INTRODUCED = "introduced"
RANGES = {"SEMVER", "ECOSYSTEM"}
# Packages that were published to do harm: nobody rates them.
MALICIOUS = "MAL-"
ZIP = b"PK\x03\x04"
MOST_BYTES = 16 * 1024 * 1024
Record = Mapping[str, Any]


def find(contents: Contents, kind: Kind, export: Path) -> list[Finding]:
    """Which the image's dependencies of that kind have.

    Raises:
        InputError: the export is none.
    """
    wanted: dict[str, set[Package]] = {}
    for one in contents.of(kind):
        wanted.setdefault(_name(kind, one.name), set()).add(one)
    try:
        return [
            found
            for record in _records(export)
            if not record.get("withdrawn")
            for found in _of_record(record, kind, wanted)
        ]
    except (zipfile.BadZipFile, ValueError, AttributeError, TypeError, KeyError) as error:
        raise InputError(
            f"expected OSV's export, a zip file of JSON files ({type(error).__name__}: {error})"
        ) from error


def is_such(start: bytes) -> bool:
    """Whether what begins so may be an export."""
    return start.startswith(ZIP)


def _records(export: Path) -> Iterator[Record]:
    with zipfile.ZipFile(export) as packed:
        for one in packed.infolist():
            if one.filename.endswith(".json") and one.file_size <= MOST_BYTES:
                yield json.loads(packed.read(one))


def _name(kind: Kind, name: str) -> str:
    """PyPI's names are equal in several spellings."""
    return re.sub(r"[-_.]+", "-", name).lower() if kind is Kind.PYPI else name


def _of_record(
    record: Record, kind: Kind, wanted: Mapping[str, Iterable[Package]]
) -> Iterator[Finding]:
    for affected in record.get("affected") or ():
        package = affected.get("package") or {}
        ecosystem = str(package.get("ecosystem")).partition(":")[0]
        if ecosystem == ECOSYSTEMS[kind]:
            for one in wanted.get(_name(kind, str(package.get("name"))), ()):
                if has(kind, one.version, affected):
                    yield _finding(record, affected, one)


def has(kind: Kind, installed: str, affected: Record) -> bool:
    """Whether this version is affected: it is listed, or in one of the ranges."""
    if installed in (affected.get("versions") or ()):
        return True
    return any(
        _in_range(kind, installed, one.get("events") or ())
        for one in affected.get("ranges") or ()
        if one.get("type") in RANGES
    )


def _in_range(kind: Kind, installed: str, events: Iterable[Mapping[str, str]]) -> bool:
    """As the schema evaluates them: in the order of their versions."""
    this = version(kind, installed)
    if this is None:
        return False
    pairs = [pair for event in events for pair in event.items()]
    # The beginning of all versions.
    affected = (INTRODUCED, "0") in pairs
    known: list[tuple[str, Any]] = [
        (what, one)
        for what, text in pairs
        if text != "0" and (one := version(kind, text)) is not None
    ]
    for what, one in sorted(known, key=lambda pair: pair[1]):
        if what == INTRODUCED and this >= one:
            affected = True
        elif (what == "fixed" and this >= one) or (what == "last_affected" and this > one):
            affected = False
    return affected


def _fixed(kind: Kind, installed: str, affected: Record) -> str:
    fixes = [
        event["fixed"]
        for one in affected.get("ranges") or ()
        if one.get("type") in RANGES
        for event in one.get("events") or ()
        if "fixed" in event
    ]
    return next_above(kind, installed, fixes)


def _severity(record: Record, affected: Record) -> Severity:
    said = [
        of_word((one.get("database_specific") or {}).get("severity")) for one in (record, affected)
    ]
    vectors = [*(record.get("severity") or ()), *(affected.get("severity") or ())]
    # A word is its publisher's own judgement.
    found = next((one for one in said if one is not Severity.UNKNOWN), of_vectors(vectors))
    malicious = found is Severity.UNKNOWN and str(record.get("id")).startswith(MALICIOUS)
    return Severity.CRITICAL if malicious else found


def _finding(record: Record, affected: Record, package: Package) -> Finding:
    return Finding(
        id=str(record["id"]),
        kind=package.kind,
        package=package.name,
        version=package.version,
        severity=_severity(record, affected),
        fixed=_fixed(package.kind, package.version, affected),
        summary=str(record.get("summary") or ""),
        aliases=tuple(map(str, record.get("aliases") or ())),
    )
