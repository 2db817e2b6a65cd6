"""A turn that was lost, with the lease itself: from then on its run changes nothing that serves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from spotkiln.errors import InfrastructureError
from spotkiln.flows import release as release_flow
from spotkiln.flows import rollback as rollback_flow
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.keep.lease import Lease, Stage
from spotkiln.keep.turn import one_at_a_time
from spotkiln.release.release import Release
from tests.unit.keep.leases import LATE, Clock
from tests.unit.keep.leases import World as Leases
from tests.unit.release.books import NEW
from tests.unit.release.paths import World


def sleeps_too_long(leases: Leases) -> None:
    """The lease ended meanwhile, and another release has the turn."""
    leases.group.time += LATE
    leases.holder("other")


def taken_for_dead(leases: Leases) -> None:
    leases.group.tags.clear()


def ended_in_prefect(leases: Leases) -> None:
    leases.ended = {one.run for one in leases.group.read()}


def held_by_another_too(leases: Leases) -> None:
    (own,) = leases.group.read()
    other = own.model_copy(update={"release": "other", "run": "run-of-other"})
    leases.group.write({other.key: other.to_tag()})


Loss = Callable[[Leases], None]
LOSSES = [sleeps_too_long, taken_for_dead, ended_in_prefect, held_by_another_too]


class Losing(World):
    """Holds the turn by a lease in memory. It is lost in the step `at`."""

    def __init__(self, patch: pytest.MonkeyPatch, at: str, lose: Loss) -> None:
        super().__init__(patch)
        self.leases = Leases()
        self._at, self._lose = at, lose
        for flow in (release_flow, rollback_flow):
            patch.setattr(flow, "one_at_a_time", self._hold)

    def _hold(
        self, _: object, release: str, run: str, *, take_turn: bool = False
    ) -> AbstractContextManager[Heartbeat]:
        def first(turn: Heartbeat) -> None:
            assert turn.try_turn() == []

        return one_at_a_time(
            self.leases.group,
            release,
            run,
            take_turn=take_turn,
            wait=first,
            ended=self.leases.known,
            clock=Clock(self.leases.group),
            say=lambda *_: None,
        )

    def step(self, name: str) -> object:
        if name == self._at:
            self._lose(self.leases)
        return super().step(name)

    @property
    def others(self) -> list[Lease]:
        return self.leases.group.read()


Start = Callable[[World], Release]
STARTS: list[Start] = [World.release, World.rollback]


def lost(
    patch: pytest.MonkeyPatch, at: str, lose: Loss, start: Start = World.release
) -> tuple[Losing, Release]:
    world = Losing(patch, at, lose)
    with pytest.raises(InfrastructureError, match=r"no longer holds .*; nothing more is changed"):
        start(world)
    (told,) = world.published
    return world, told


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPOTKILN_HOME", str(tmp_path))


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("start", STARTS)
def test_lost_before_the_promotion_it_promotes_nothing(
    monkeypatch: pytest.MonkeyPatch, start: Start, lose: Loss
) -> None:
    world, told = lost(monkeypatch, "gate", lose, start)
    assert world.taken[world.taken.index("gate") + 1] == "undo: cancel fleet"
    assert "promote" not in world.taken
    assert told.outcome == "rolled back"


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("start", STARTS)
def test_lost_after_the_promotion_it_retires_nothing(
    monkeypatch: pytest.MonkeyPatch, start: Start, lose: Loss
) -> None:
    world, told = lost(monkeypatch, "price", lose, start)
    assert world.taken[-3:] == ["promote", "mark as released", "price"]
    assert (told.outcome, told.fleet, told.retired, told.undone) == ("released", NEW, (), ())


@pytest.mark.parametrize("lose", LOSSES)
def test_lost_while_it_bakes_it_neither_tests_nor_launches(
    monkeypatch: pytest.MonkeyPatch, lose: Loss
) -> None:
    world, told = lost(monkeypatch, "bake", lose)
    assert world.taken[-2:] == ["bake", "undo: discard image"]
    assert told.outcome == "failed"


def test_who_has_the_turn_now_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = lost(monkeypatch, "gate", sleeps_too_long)
    assert [(one.release, one.stage) for one in world.others] == [("other", Stage.HOLDS)]


def test_a_turn_that_is_not_lost_promotes_and_retires(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Losing(monkeypatch, "", sleeps_too_long)
    assert world.release().outcome == "released"
    assert {"promote", "retire"} <= {*world.taken}
    assert world.others == []
