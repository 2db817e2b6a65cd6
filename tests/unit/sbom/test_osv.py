"""OSV's exports: which versions of which packages, how severe, and mended by what."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.contents import Contents, Kind, Package
from spotkiln.errors import InputError
from spotkiln.release.vulnerabilities import Finding, Severity
from spotkiln.sbom.osv import find, has

CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
LOW_V4 = "CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"


def ranged(*events: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": list(events)}]}


def record(name: str, ecosystem: str = "RubyGems", ident: str = "GHSA-1", **more: Any) -> Any:
    affected = more.pop("affected", ranged({"introduced": "0"}, {"fixed": "3.1.8"}))
    package = {"ecosystem": ecosystem, "name": name}
    return {
        "schema_version": "1.6.0",
        "id": ident,
        "modified": "2026-11-01T00:00:00Z",
        "affected": [{"package": package, **affected}],
        **more,
    }


def export(folder: Path, *records: Any) -> Path:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number, one in enumerate(records):
            packed.writestr(f"{number}.json", json.dumps(one))
    return path


def contents(kind: Kind, **versions: str) -> Contents:
    packages = (Package(kind=kind, name=x, version=y, file="lock") for x, y in versions.items())
    return Contents(image="ami-1", packages=tuple(packages))


def gem(folder: Path, version: str, *records: Any) -> list[Finding]:
    return find(contents(Kind.GEM, rack=version), Kind.GEM, export(folder, *records))


def test_one_that_is_older_than_the_fix_has_it(tmp_path: Path) -> None:
    told = record(
        "rack", summary="Reads too much", aliases=["CVE-2026-1"],
        database_specific={"severity": "MODERATE"},
        severity=[{"type": "CVSS_V3", "score": CRITICAL}],
    )  # fmt: skip
    (one,) = gem(tmp_path, "3.1.7", told, record("rails"))
    assert str(one) == "GHSA-1 (medium): rack 3.1.7, fixed in 3.1.8"
    assert (one.summary, one.aliases) == ("Reads too much", ("CVE-2026-1",))
    assert gem(tmp_path, "3.1.8", told) == []
    # A release candidate is older than its release.
    assert gem(tmp_path, "3.1.8.rc1", told)


def test_what_was_taken_back_and_other_ecosystems_do_not_count(tmp_path: Path) -> None:
    gone = record("rack", withdrawn="2026-11-02T00:00:00Z")
    assert gem(tmp_path, "1", gone, record("rack", ecosystem="npm")) == []


def test_pypis_names_are_equal_in_several_spellings(tmp_path: Path) -> None:
    file = export(tmp_path, record("ruamel-yaml", ecosystem="PyPI"))
    found = find(contents(Kind.PYPI, **{"Ruamel.YAML": "0.17"}), Kind.PYPI, file)
    assert [one.package for one in found] == ["Ruamel.YAML"]


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({}, Severity.UNKNOWN),
        ({"severity": [{"type": "CVSS_V3", "score": CRITICAL}]}, Severity.CRITICAL),
        ({"severity": [{"type": "CVSS_V4", "score": LOW_V4}]}, Severity.LOW),
        ({"severity": [{"type": "CVSS_V3", "score": "nonsense"}]}, Severity.UNKNOWN),
        ({"severity": [{"type": "Ubuntu", "score": "high"}]}, Severity.UNKNOWN),
        ({"database_specific": {"severity": "HIGH"}}, Severity.HIGH),
        ({"ident": "MAL-2026-1"}, Severity.CRITICAL),
    ],
)
def test_how_severe(tmp_path: Path, more: Any, severity: Severity) -> None:
    (one,) = gem(tmp_path, "1", record("rack", **more))
    assert one.severity is severity


SEVERAL = ranged(
    {"introduced": "1.0.0"}, {"fixed": "1.4.2"}, {"introduced": "2.0.0-rc.1"},
    {"last_affected": "2.1.0"}, kind="SEMVER",
)  # fmt: skip


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ("0.9.0", False), ("1.0.0", True), ("1.4.1", True), ("1.4.2", False), ("1.9.0", False),
        ("2.0.0-rc.1", True), ("2.0.0-beta", False), ("2.1.0", True), ("2.1.1", False),
        ("10.0.0", False), ("no version", False),
    ],
)  # fmt: skip
def test_ranges(version: str, affected: bool) -> None:
    assert has(Kind.NPM, version, SEVERAL) is affected


def test_versions_that_are_listed_and_ranges_of_commits() -> None:
    assert has(Kind.PYPI, "1.0", {"versions": ["0.9", "1.0"]})
    assert not has(Kind.PYPI, "1.1", {"versions": ["0.9", "1.0"]})
    assert not has(Kind.PYPI, "1.1", ranged({"introduced": "0"}, kind="GIT"))


@pytest.mark.parametrize("text", [b"", b"<html>not found</html>"])
def test_anything_else_is_refused_in_words(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "all.zip"
    file.write_bytes(text)
    with pytest.raises(InputError, match="OSV"):
        find(contents(Kind.GEM, rack="1"), Kind.GEM, file)


def test_a_record_of_another_shape_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="OSV"):
        gem(tmp_path, "1", ["no record"])
