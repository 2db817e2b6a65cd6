"""A version that is not there is refused before a run is started, where that is known here."""

from typing import Any
from uuid import UUID

import pytest

from spotkiln.cli import version
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.keep.versions import CURRENT, PREVIOUS, Version
from spotkiln.start.deployment import Deployment
from tests.unit import nouns
from tests.unit.nouns import START

SHOP = Deployment(
    id=UUID(int=9),
    name="rollback/shop",
    parameters={"app": {"name": "shop", "repository": "/srv/git/shop"}},
)
SERVES = Version(image="ami-2", commit="b" * 40, released=START, serving=True)
BEFORE = Version(image="ami-1", commit="a" * 40, released=START)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[Version]:
    """The versions that AWS tells of; nobody holds the target group."""
    found = [SERVES, BEFORE]
    answers: dict[str, Any] = {
        "resolve_region": lambda _: "eu-west-1",
        "connect": lambda _: None,
        "target_group": lambda *_: nouns.target_group(),
        "list_versions": lambda *_: found,
        "account": lambda _: "123456789012",
    }
    for name, answer in answers.items():
        monkeypatch.setattr(version, name, answer)
    monkeypatch.setattr("spotkiln.cli.version.leases.read", lambda *_: [])
    return found


@pytest.mark.parametrize("wanted", [PREVIOUS, "", CURRENT, "ami-1", "aaaa"])
def test_what_is_there_is_not_refused(known: list[Version], wanted: str) -> None:
    version.require(SHOP, wanted)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("ami-9", "shop has no version 'ami-9'; there are: ami-2 of commit b"),
        ("ffff", "shop has no version 'ffff'"),
        ("abc", "at least 4 characters"),
        (PREVIOUS, "no earlier version to go back to"),
    ],
)
def test_what_is_not_there_is_refused_and_says_where_it_looked(
    known: list[Version], wanted: str, said: str
) -> None:
    known.remove(BEFORE)
    with pytest.raises(InputError, match=said) as refused:
        version.require(SHOP, wanted)
    assert "account 123456789012, eu-west-1; if that is not where" in str(refused.value)


def test_where_it_is_not_known_the_run_tells(
    known: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal without rights, and one beside a release whose image is no version yet."""
    known.clear()
    monkeypatch.setattr("spotkiln.cli.version.leases.read", lambda *_: [nouns.START])
    version.require(SHOP, PREVIOUS)

    def away(_: str) -> str:
        raise InfrastructureError("no credentials")

    monkeypatch.setattr(version, "connect", away)
    version.require(SHOP, "ffff")
