"""The flow behind the UI's form: it asks the release, and ends in a state that automations know."""

from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from spotkiln.aws.bake import infra
from spotkiln.errors import InputError
from spotkiln.flows.steer import steer
from spotkiln.serve.stepping import Steer
from spotkiln.tasks.serve import traffic
from tests.unit import nouns
from tests.unit.nouns import ROOT

WHERE: dict[str, Any] = {
    "deployment": "shop", "app": "shop", "target_group": "website", "region": "eu-west-1",
}  # fmt: skip


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Steer]:
    heard: list[Steer] = []

    def ask(_: object, group: Any, word: Steer) -> Any:
        assert group.name == "website"
        if heard:
            raise InputError("no release hands requests over to new servers of website now")
        heard.append(word)
        return SimpleNamespace(release="shop-0123456789ab", id="sfr-2")

    monkeypatch.setattr(traffic, "connect", lambda region: region)
    monkeypatch.setattr(infra, "target_group", lambda *_: nouns.target_group())
    monkeypatch.setattr(traffic, "ask", ask)
    return heard


@pytest.mark.parametrize("word", Steer)
def test_it_leaves_the_word_and_says_what_to_expect(said: list[Steer], word: Steer) -> None:
    found = traffic.state_of(traffic.ask_release.fn("eu-west-1", "website", word))
    assert said == [word]
    assert found.message is not None
    assert found.message.startswith("shop-0123456789ab is asked: within seconds it ")
    with pytest.raises(InputError, match="no release hands requests over"):
        traffic.ask_release.fn("eu-west-1", "website", word)
    # Another name would have to be known to what takes silent runs for dead.
    text = yaml.safe_load((ROOT / "automations.yaml").read_text())
    known = text["automations"][0]["trigger"]["expect"]
    assert f"prefect.flow-run.{found.name}" in known


def test_a_word_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Exception, match="word"):
        steer.validate_parameters({**WHERE, "word": "dance"})
