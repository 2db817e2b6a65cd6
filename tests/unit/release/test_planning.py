"""What is looked up for a plan, and what is not asked at all."""

from pathlib import Path
from typing import Any

import pytest

from spotkiln.aws.release import plan as planning
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.reuse import Reuse
from spotkiln.release.job import Job
from spotkiln.release.plan import Plan
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.foreign import Foreign, ForeignFleet
from spotkiln.serve.price import Prices
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.clock import FakeClock
from tests.unit.memory import Memory

IMAGE = nouns.image("ami-7")
SERVES = nouns.fleet("sfr-1", capacity=2)
THEIRS = nouns.fleet("sfr-theirs", phase=None, capacity=6)


class Region:
    """What AWS would answer; `asked` are the questions in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {
            "serving_alone": [SERVES],
            "find_image": Reuse(image=IMAGE, why="the same recipe"),
            "is_unchanged": False,
            "find_foreign": Foreign(),
            "known_prices": Prices(spot={}, on_demand={}),
            "doubts": [],
        }
        for name in self.answers:
            patch.setattr(planning, name, self._ask(name))
        patch.setattr(planning, "launchers", lambda _: self)

    def _ask(self, name: str) -> Any:
        def ask(*_: object, **__: object) -> Any:
            self.asked.append(name)
            return self.answers[name]

        return ask

    def listing(self) -> list[Any]:
        return list(self.answers["serving_alone"])

    def plan(self, *, adopt: bool = False, **changes: Any) -> Plan:
        spec = ReleaseSpec(app=nouns.app(), fleet=FleetSpec(capacity=2), **changes)
        job = Job(
            release=nouns.RELEASE,
            spec=spec,
            infra=nouns.infra(adopt=adopt),
            source=nouns.source(),
            recipe=Recipe(inputs={}),
            tags={},
            folder=Path("/runs/1"),
        )
        aws = Memory().aws()
        return planning.plan_release(aws, job, clock=FakeClock(), say=lambda *_: None)


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> Region:
    return Region(monkeypatch)


def test_an_image_to_reuse_and_what_it_replaces(region: Region) -> None:
    found = region.plan()
    assert (found.image, found.unchanged, found.retire) == ("ami-7", False, (SERVES,))
    assert found.serving == SERVES
    assert region.asked == [
        "serving_alone", "find_image", "is_unchanged", "find_foreign", "known_prices", "doubts"
    ]  # fmt: skip


def test_unchanged_needs_no_room(region: Region) -> None:
    region.answers["is_unchanged"] = True
    found = region.plan()
    assert (found.unchanged, found.retire) == (True, ())
    assert "doubts" not in region.asked


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        ({"find_image": Reuse(image=None, why="the source differs")}, {}),
        ({"serving_alone": []}, {}),
        ({}, {"force": True}),
    ],
)
def test_what_cannot_be_unchanged_is_not_compared(
    region: Region, answer: dict[str, Any], changes: dict[str, Any]
) -> None:
    """Comparing may wait for a server to be found healthy again."""
    region.answers |= {"is_unchanged": True, **answer}
    assert not region.plan(**changes).unchanged
    assert "is_unchanged" not in region.asked


@pytest.mark.parametrize(("adopt", "capacity"), [(False, 2), (True, 8)])
def test_what_is_adopted_is_replaced_by_as_many(
    region: Region, *, adopt: bool, capacity: int
) -> None:
    region.answers["find_foreign"] = Foreign(fleets=(ForeignFleet(fleet=THEIRS),))
    found = region.plan(adopt=adopt)
    assert found.capacity == capacity
    assert (THEIRS in found.retire) is adopt


def test_quotas_that_could_not_be_read_are_told(region: Region) -> None:
    region.answers["doubts"] = ["the quotas were not checked: EC2 is away"]
    assert region.plan().quotas == ("the quotas were not checked: EC2 is away",)
