"""Debian's data, in the shape in which its tracker publishes it."""

import zlib

import pytest

from spotkiln.bake.contents import Contents, of_machine
from spotkiln.errors import InputError
from spotkiln.release.vulnerabilities import Severity
from spotkiln.sbom.debsecan import find, read

DATA = """\
VERSION 1
CVE-2026-1000,,Remote code execution, with a comma in it
CVE-2026-1001,,Slow regular expression
CVE-2026-1002,,Only in a tool
TEMP-0000000-ABC,,Nobody has looked

openssl,0, HRF,3.3.2-2,1.1.1w-0+deb11u2 3.0.15-1~deb12u1
openssl,1, L  ,,3.0.13-1~deb12u1
libssl3,2,BM F,3.0.14-9,
glibc,3,   ,2.37-1,

openssl,libssl3 openssl
"""
LISTING = (
    "os\tdebian\t12\tbookworm\n"
    "deb\tlibssl3\t{0}\tamd64\topenssl\t{0}\n"
    "deb\topenssl\t{0}\tamd64\topenssl\t{0}\n"
    "deb\tlibc6\t2.36-9+b1\tamd64\tglibc\t2.36-9\n"
)


def packed(text: str = DATA) -> bytes:
    return zlib.compress(text.encode())


def machine(version: str) -> Contents:
    return of_machine("ami-1", LISTING.format(version))


def found(version: str) -> list[str]:
    return [str(one) for one in find(machine(version), read(packed()))]


def test_an_old_source_has_it_once_for_all_its_packages() -> None:
    assert found("3.0.14-1~deb12u1") == [
        "CVE-2026-1000 (high): openssl 3.0.14-1~deb12u1, fixed in 3.0.15-1~deb12u1",
        "CVE-2026-1001 (low): openssl 3.0.14-1~deb12u1, no fix yet",
        "CVE-2026-1002 (medium): libssl3 3.0.14-1~deb12u1, fixed in 3.0.14-9",
        "TEMP-0000000-ABC (unknown): glibc 2.36-9, no fix yet",
    ]


def test_a_version_that_is_told_to_be_sound_is_sound() -> None:
    names = {one.partition(" ")[0] for one in found("3.0.13-1~deb12u1")}
    assert "CVE-2026-1001" not in names
    # Older than unstable's fix, and mended in this suite.
    assert not [one for one in found("3.0.15-1~deb12u1") if "CVE-2026-1000" in one]


def test_what_is_not_installed_is_not_found() -> None:
    assert find(Contents(image="ami-1"), read(packed())) == []


def test_a_summary_may_hold_commas() -> None:
    assert read(packed())[0].summary == "Remote code execution, with a comma in it"
    assert read(packed())[0].severity is Severity.HIGH


def test_a_suite_without_any() -> None:
    assert read(packed("VERSION 1\n\n\n\n")) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", packed("VERSION 2\n"), packed("VERSION 1\n\nopenssl,7, H F,,\n"), packed("")],
)
def test_anything_else_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(InputError, match="debsecan"):
        read(data)
