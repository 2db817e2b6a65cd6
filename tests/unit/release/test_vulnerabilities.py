"""What follows from what is known: what refuses a release, what needs a rebuild, what is told."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.bake.contents import Kind
from spotkiln.release.vulnerabilities import (
    Accepted,
    Data,
    Finding,
    Known,
    Severity,
    Vulnerabilities,
    counted,
    in_order,
    in_words,
    named,
    refused,
    together,
    why_refused,
)

TODAY = date(2026, 11, 26)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def finding(ident: str, severity: Severity, fixed: str = "2", kind: Kind = Kind.DEB) -> Finding:
    return Finding(
        id=ident, kind=kind, package="openssl", version="1", severity=severity, fixed=fixed
    )


CRITICAL = finding("CVE-1", Severity.CRITICAL)
UNFIXED = finding("CVE-2", Severity.CRITICAL, fixed="")
HIGH = finding("GHSA-3", Severity.HIGH, kind=Kind.GEM).model_copy(update={"aliases": ("CVE-3",)})
LOW = finding("CVE-4", Severity.LOW)
UNKNOWN = finding("CVE-5", Severity.UNKNOWN)
ALL = in_order([UNKNOWN, LOW, HIGH, UNFIXED, CRITICAL, LOW])
DATA = Data(name="Debian's data (bookworm)", of=datetime(2026, 11, 25, 6, tzinfo=UTC))
AWAY = Data(name="OSV's data (npm)", trouble="osv.example could not be asked (ConnectError)")


def known(*findings: Finding, data: tuple[Data, ...] = (DATA,)) -> Known:
    return Known(image="ami-1", checked=NOW, findings=findings or ALL, data=data)


def test_of_two_images_what_either_has_is_known_once() -> None:
    other = known(*ALL[1:]).model_copy(update={"image": "ami-2"})
    assert together([known(ALL[0], ALL[1]), other]) == known()
    assert together([known()]) == known()


def policy(**given: Any) -> Vulnerabilities:
    return Vulnerabilities(**{"debian": "/srv/debsecan", **given})


def test_the_most_severe_comes_first_and_each_once() -> None:
    assert [one.id for one in ALL] == ["CVE-1", "CVE-2", "GHSA-3", "CVE-4", "CVE-5"]
    assert counted(ALL) == "2 critical, 1 high, 1 low, 1 unknown"
    assert counted(()) == "none"


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({}, []),
        ({"refuse": "critical"}, ["CVE-1"]),
        ({"refuse": "high"}, ["CVE-1", "GHSA-3"]),
        ({"refuse": "high", "unfixed": True}, ["CVE-1", "CVE-2", "GHSA-3"]),
        ({"refuse": "low"}, ["CVE-1", "GHSA-3", "CVE-4"]),
    ],
)
def test_by_severity_and_by_whether_there_is_a_fix(given: Any, ids: list[str]) -> None:
    assert [one.id for one in refused(known(), policy(**given), TODAY)] == ids


@pytest.mark.parametrize(
    ("ident", "until", "left"),
    [
        ("CVE-1", "2026-11-26", ["GHSA-3"]),
        ("CVE-1", "2026-11-25", ["CVE-1", "GHSA-3"]),
        # By another of its names.
        ("CVE-3", "2026-12-31", ["CVE-1"]),
    ],
)
def test_one_that_somebody_answers_for_counts_again_after_its_day(
    ident: str, until: str, left: list[str]
) -> None:
    accept = (Accepted(id=ident, why="alice: not reachable", until=date.fromisoformat(until)),)
    found = refused(known(), policy(refuse="high", accept=accept), TODAY)
    assert [one.id for one in found] == left


def test_why_it_is_refused_names_each_with_its_fix() -> None:
    assert why_refused(known(), policy(), TODAY) == ""
    why = why_refused(known(), policy(refuse="high"), TODAY)
    assert why.startswith(
        "2 known vulnerabilities of severity high or more: CVE-1 (critical): openssl 1, fixed in "
        "2; GHSA-3 (high): openssl 1, fixed in 2. To mend it, "
    )
    assert named([LOW] * 12).endswith("; and 2 more")


def test_data_that_is_away_refuses_only_where_that_is_asked() -> None:
    seen = known(LOW, data=(DATA, AWAY))
    assert why_refused(seen, policy(refuse="high"), TODAY) == ""
    why = why_refused(seen, policy(must_be_known=True), TODAY)
    assert "OSV's data (npm): osv.example could not be asked" in why
    assert why_refused(known(LOW), policy(must_be_known=True), TODAY) == ""


def test_in_words() -> None:
    accept = (Accepted(id="CVE-4", why="bob: only at night", until=TODAY),)
    assert in_words(known(data=(DATA, AWAY)), policy(accept=accept), TODAY) == [
        (
            "known vulnerabilities: 2 critical, 1 high, 1 unknown, 1 accepted (checked 2026-11-26 "
            "12:00:00 UTC, by Debian's data (bookworm) of 2026-11-25 06:00:00 UTC)"
        ),
        (
            "needs a rebuild: CVE-1 (critical): openssl 1, fixed in 2; CVE-5 (unknown): openssl 1, "
            "fixed in 2"
        ),
        "needs newer dependencies: GHSA-3 (high): openssl 1, fixed in 2",
        "not checked: OSV's data (npm): osv.example could not be asked (ConnectError)",
    ]
    (line,) = in_words(Known(image="ami-1", checked=NOW, data=(DATA,)), policy(), TODAY)
    assert line.startswith("known vulnerabilities: none (checked ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"debian": "", "refuse": "high"}, "where the data is"),
        ({"debian": "", "must_be_known": True}, "where the data is"),
        ({"debian": "ftp://x/y"}, "an address"),
        ({"osv": "https://a:b@osv.example"}, "without user"),
        ({"osv": "folder"}, "or a folder"),
        ({"refuse": "awful"}, "refuse"),
        ({"accept": [{"id": "CVE-1", "why": "", "until": "2026-01-01"}]}, "why"),
        ({"accept": [{"id": "CVE-1", "why": "x"}]}, "until"),
    ],
)
def test_what_makes_no_sense_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        policy(**given)


def test_it_can_be_kept_and_read_back() -> None:
    assert Known.parse(known().model_dump_json()) == known()
    assert Known.parse("{}") is None
