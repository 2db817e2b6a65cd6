"""What `spotkiln status` tells of known vulnerabilities."""

from typing import Any

import pytest

from spotkiln.cli import status
from spotkiln.cli.status import Status, known, lines
from spotkiln.errors import PrefectAway
from spotkiln.release.release import ReleaseSpec
from spotkiln.release.vulnerabilities import Known, Vulnerabilities
from tests.unit import nouns
from tests.unit.release.test_vulnerabilities import CRITICAL, NOW

ASKED = ReleaseSpec(app=nouns.app(), vulnerabilities=Vulnerabilities(debian="/srv/debsecan"))


def told(monkeypatch: pytest.MonkeyPatch, kept: str | None) -> tuple[str, ...]:
    def read(*_: Any) -> str | None:
        return kept

    monkeypatch.setattr(status, "ask", read)
    return known(ASKED, "ami-1", NOW)


def test_what_was_looked_up_last(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Known(image="ami-1", checked=NOW, findings=(CRITICAL,)).model_dump_json()
    first, second = told(monkeypatch, kept)
    assert first.startswith("known vulnerabilities: 1 critical (checked 2026-11-26 12:00:00 UTC")
    assert second == "needs a rebuild: CVE-1 (critical): openssl 1, fixed in 2"
    seen = Status(
        app="shop", region="r", target_group="g", fleet="sfr-1", since=NOW,
        vulnerabilities=(first, second),
    )  # fmt: skip
    assert lines(seen)[-2:] == [first, second]


@pytest.mark.parametrize("kept", [None, "{}"])
def test_nothing_was_looked_up_yet(monkeypatch: pytest.MonkeyPatch, kept: str | None) -> None:
    assert told(monkeypatch, kept) == (
        "known vulnerabilities: not looked up yet; a release or the night does it",
    )


def test_prefect_is_away_and_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> str:
        raise PrefectAway("no answer")

    monkeypatch.setattr(status, "ask", away)
    assert known(ASKED, "ami-1", NOW) == ("known vulnerabilities: no answer",)
    assert known(ReleaseSpec(app=nouns.app()), "ami-1", NOW) == ()
