"""What a person asks of a release that hands requests over: a tag, written and read."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve import hand_over, steer
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.stepping import Steer, StepTaken, in_words
from spotkiln.serve.weights import HandOver, Weights
from tests.unit import nouns

AWS: Any = None
GROUP = nouns.target_group()
SHIFTING = {t.PHASE: "pending", t.RELEASE: "shop-1"}
BEGUN = HandOver(
    release="shop-1",
    before=Weights(of={"website": 100, "website-green": 0}),
    target_group=GROUP.arn,
)


class Fleets:
    """What steering asks of launchers."""

    def __init__(self, *fleets: Fleet) -> None:
        self.fleets = {one.id: one for one in fleets}

    def of_release(self, release: str) -> list[Fleet]:
        return [one for one in self.fleets.values() if one.release == release]

    def listing(self) -> list[Fleet]:
        return [*self.fleets.values()]

    def of(self, _: Fleet) -> "Fleets":
        return self

    def find(self, name: str) -> Fleet | None:
        return self.fleets.get(name)

    def mark(self, fleet: Fleet, tags: dict[str, str]) -> None:
        found = self.fleets[fleet.id]
        self.fleets[fleet.id] = found.model_copy(update={"tags": {**found.tags, **tags}})


def fleet(name: str, tags: dict[str, str], **changes: Any) -> Fleet:
    made = nouns.fleet(name, **changes)
    return made.model_copy(update={"tags": {**made.tags, **tags}})


def known(patch: pytest.MonkeyPatch, *fleets: Fleet) -> None:
    found = Fleets(*fleets)
    patch.setattr(steer, "launchers", lambda _: found)
    patch.setattr(hand_over, "at", lambda *_: [BEGUN])


@pytest.mark.parametrize("word", Steer)
def test_the_release_reads_what_was_asked(monkeypatch: pytest.MonkeyPatch, word: Steer) -> None:
    old, new = fleet("sfr-1", {t.PHASE: "serving"}), fleet("sfr-2", SHIFTING)
    known(monkeypatch, old, new)
    assert steer.steered(AWS, new) is Steer.RESUME
    assert steer.ask(AWS, GROUP, word).id == "sfr-2"
    assert steer.steered(AWS, new) is word
    # The last word counts.
    steer.ask(AWS, GROUP, Steer.RESUME)
    assert steer.steered(AWS, new) is Steer.RESUME


@pytest.mark.parametrize(
    "one",
    [
        fleet("sfr-2", {**SHIFTING, t.PHASE: "serving"}),
        fleet("sfr-2", {**SHIFTING, t.RELEASE: "shop-2"}),
        fleet("sfr-2", SHIFTING, state="cancelled_terminating"),
    ],
)
def test_there_must_be_a_release_to_steer(monkeypatch: pytest.MonkeyPatch, one: Fleet) -> None:
    known(monkeypatch, one)
    with pytest.raises(InputError, match=r"no release hands requests over .* nothing to pause"):
        steer.ask(AWS, GROUP, Steer.PAUSE)


def test_a_fleet_that_is_taken_away_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    one = fleet("sfr-2", SHIFTING, state="cancelled_terminating")
    known(monkeypatch, one)
    with pytest.raises(InfrastructureError, match="was it cancelled by somebody"):
        steer.steered(AWS, one)
    # One that AWS does not tell of yet, and a word that nobody knows.
    known(monkeypatch)
    assert steer.steered(AWS, one) is Steer.RESUME
    known(monkeypatch, fleet("sfr-2", {**SHIFTING, t.STEER: "dance"}))
    assert steer.steered(AWS, one) is Steer.RESUME


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        ([(10, 300.4, False), (100, 600, False)], "10 % for 300 s, 100 % for 600 s"),
        ([(100, 0.2, False)], "100 %"),
        # Only the first of them was waited for.
        (
            [(10, 300, False), (50, 42, True), (100, 0.3, True)],
            "10 % for 300 s, 50 % for 42 s until a person said promote, 100 %",
        ),
    ],
)
def test_how_requests_were_handed_over_is_told(
    passed: list[tuple[int, float, bool]], told: str
) -> None:
    steps = [StepTaken(percent=x, seconds=y, promoted=z) for x, y, z in passed]
    assert in_words(steps) == told
