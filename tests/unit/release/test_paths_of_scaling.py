"""The way of a release over what AWS scales, and over what grows meanwhile."""

import pytest

from spotkiln import tags as t
from spotkiln.errors import GateFailed
from spotkiln.serve.fleet import Fleet
from spotkiln.tasks.serve import serve
from tests.unit import nouns
from tests.unit.release.books import NEW, OLD
from tests.unit.release.paths import END, LAUNCH, RETIRE, World

SCALED = OLD.model_copy(update={"tags": {**OLD.tags, t.SCALING: "on"}})


@pytest.fixture
def scaled(world: World) -> World:
    world.answers["find serving"] = [SCALED]
    return world


def test_scaling_is_suspended_before_the_size_is_chosen(scaled: World) -> None:
    scaled.release()
    assert scaled.taken[-len([*LAUNCH, *RETIRE, *END]) :] == [
        "suspend scaling", *LAUNCH[1:], *RETIRE, *END
    ]  # fmt: skip


def test_what_serves_scales_on_once_the_new_one_has_gone(scaled: World) -> None:
    scaled.answers["gate"] = GateFailed("no", "unhealthy", "Killed")
    told = scaled.fails(GateFailed)
    assert told.undone == ("cancel fleet", "resume scaling", "discard image")


def test_one_that_has_grown_passes_the_gate_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = NEW.model_copy(update={"capacity": 4})
    seen: list[int] = []

    def prove(fleet: Fleet, *_: object) -> tuple[Fleet, tuple[object, ...]]:
        seen.append(fleet.capacity)
        return fleet, (nouns.server("i-1"),)

    monkeypatch.setattr(serve, "prove", prove)
    monkeypatch.setattr(serve, "grow", lambda *_: larger)
    world.answers["promote"] = larger
    told = world.release()
    assert seen == [NEW.capacity, 4]
    assert told.fleet == larger
