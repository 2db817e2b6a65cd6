"""Whether the worker may end what it is to adopt is asked before anything is spent."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from spotkiln.aws.serve import foreign
from spotkiln.errors import PermissionDenied
from spotkiln.serve.foreign import Foreign, ForeignFleet
from tests.unit import nouns

THEIRS = nouns.fleet("sfr-theirs", phase=None, capacity=1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What EC2 is asked to end. Their fleet has one server."""
    found = Foreign(fleets=(ForeignFleet(fleet=THEIRS),))
    members = [SimpleNamespace(id="i-1", stays=True), SimpleNamespace(id="i-gone", stays=False)]
    monkeypatch.setattr(foreign, "look", lambda *_: found)
    monkeypatch.setattr(foreign, "launchers", lambda _: SimpleNamespace(members=lambda _: members))
    return []


def aws(asked: list[dict[str, Any]], code: str) -> Any:
    def end(**call: Any) -> None:
        asked.append(call)
        refused: Any = {"Error": {"Code": code, "Message": "of its tag"}}
        raise ClientError(refused, "TerminateInstances")

    return SimpleNamespace(ec2=SimpleNamespace(terminate_instances=end))


def test_without_the_right_it_is_said_which_parameter_gives_it(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(PermissionDenied, match=r"TerminateInstances.*apply --set Adopt=yes"):
        foreign.find_foreign(aws(asked, "UnauthorizedOperation"), nouns.infra(adopt=True), print)
    assert asked == [{"DryRun": True, "InstanceIds": ["i-1"]}]


def test_with_it_or_without_an_adoption_nothing_is_refused(asked: list[dict[str, Any]]) -> None:
    foreign.find_foreign(aws(asked, "DryRunOperation"), nouns.infra(adopt=True), print)
    assert len(asked) == 1
    foreign.find_foreign(aws(asked, "UnauthorizedOperation"), nouns.infra(), print)
    assert len(asked) == 1
