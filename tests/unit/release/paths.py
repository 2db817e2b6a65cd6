"""A release and a rollback called as plain functions: each step answers what a test says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prefect import State

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.layer import Layered
from spotkiln.bake.reuse import Reuse
from spotkiln.errors import (
    SpotkilnError,
)
from spotkiln.flows import release as release_flow
from spotkiln.flows import rollback as rollback_flow
from spotkiln.keep.housekeeping import Reconciled
from spotkiln.release.approval import Answer, Decision
from spotkiln.release.release import Release
from spotkiln.serve.capacity import Size
from spotkiln.serve.foreign import Foreign
from spotkiln.serve.price import Cost
from spotkiln.serve.spec import FleetSpec
from spotkiln.tasks.release import approval as asking
from spotkiln.tasks.release import endings, image_tests, run, steps
from spotkiln.tasks.serve import serve
from tests.unit import nouns
from tests.unit.release.books import GREEN, NEW, OLD, way_back
from tests.unit.release.test_plan import plan

IMAGE = nouns.image("ami-9")
NEEDED = Reuse(image=None, why="the source differs")
FOUND = Reuse(image=IMAGE, why="the same recipe")


def result_of(state: State[Release]) -> Release:
    """What a flow that ended so has returned; raises what it has failed with."""
    return state.result(_sync=True)  # type: ignore[call-overload, no-any-return]


class Turn:
    """Holds the target group."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def check(self) -> None:
        self._world.step("check the turn")

    def launch(self) -> None:
        self._world.step("launch")


# What a list of answers begins with that are given one after the other.
SEVERAL = (list, BaseException, type(None))


class World:
    """What each step answers, by its name; an error is raised. `taken` are the steps in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.taken: list[str] = []
        self.published: list[Release] = []
        self.answers: dict[str, Any] = {
            "look up infra": nouns.infra(),
            "check out": nouns.source(),
            "clear up": Reconciled(),
            "find serving": [OLD],
            "find image": NEEDED,
            "find layer": Layered(why="no layer: `build` installs them"),
            "bake": IMAGE,
            "test": GREEN,
            "choose size": Size(spec=FleetSpec()),
            "request fleet": NEW,
            "gate": (NEW, (nouns.server("i-1"),)),
            "grow": NEW,
            "promote": NEW,
            "price": Cost(),
            "retire": [OLD],
            "blame": IMAGE,
            "find foreign": Foreign(),
            "is unchanged": False,
            "newer push": "",
            "find version": way_back().image,
            "find way back": way_back(),
            "plan": plan(),
            "ask": Answer(decision=Decision.APPROVE, by="alice"),
        }
        for module, names in STEPS.items():
            for name, step in names.items():
                patch.setattr(module, name, self._taker(step))
        for flow in (release_flow, rollback_flow):
            patch.setattr(flow, "one_at_a_time", self._turn)
        patch.setattr(run, "publish", self.published.append)
        patch.setattr(run, "read_ledger", lambda *_, **__: self.answers.get("ledger", ()))
        patch.setattr(run, "changed_packages", lambda *_: self.answers.get("packages", ()))
        patch.setattr(run, "list_versions", lambda *_: [])
        patch.setattr(run, "read_back", lambda *_: [])
        for name in ("announce", "rename", "page_of", "connect"):
            patch.setattr(run, name, lambda *_, **__: "")

    def step(self, name: str) -> Any:
        self.taken.append(name)
        answer = self.answers.get(name)
        if isinstance(answer, list) and answer and isinstance(answer[0], SEVERAL):
            answer = answer.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _taker(self, name: str) -> Callable[..., Any]:
        return lambda *_, **__: self.step(name)

    @contextmanager
    def _turn(self, *_: object, **__: object) -> Iterator[Turn]:
        self.step("wait for the turn")
        yield Turn(self)
        self.taken.append("give the turn back")

    def release(self, **changes: Any) -> Release:
        given = {"app": nouns.app(), "build": BuildSettings(), **changes}
        return result_of(release_flow.release.fn(**given))

    def rollback(self) -> Release:
        return result_of(rollback_flow.rollback.fn(app=nouns.app()))

    def fails(self, error: type[SpotkilnError], **changes: Any) -> Release:
        with pytest.raises(error):
            self.release(**changes)
        (told,) = self.published
        return told


STEPS: dict[Any, dict[str, str]] = {
    steps: {
        "look_up_infra": "look up infra",
        "check_out": "check out",
        "find_serving": "find serving",
        "find_image": "find image",
        "migrate_database": "migrate",
        "close_access": "close access",
        "find_foreign": "find foreign",
        "find_layer": "find layer",
        "bake_layer": "bake layer",
        "packer_build": "bake",
        "check_vulnerabilities": "check vulnerabilities",
    },
    image_tests: {
        "test_in_image": "test",
        "keep_contents": "keep SBOM",
        "discard_image": "undo: discard image",
    },
    endings: {"newer_push": "newer push", "is_unchanged": "is unchanged"},
    asking: {"plan_release": "plan", "_pause": "ask"},
    serve: {
        "choose_size": "choose size",
        "suspend_scaling": "suspend scaling",
        "resume_scaling": "undo: resume scaling",
        "request_fleet": "request fleet",
        "prove": "gate",
        "still_healthy": "look once more",
        "grow": "grow",
        "promote_fleet": "promote",
        "mark_released": "mark as released",
        "price": "price",
        "retire_fleets": "retire",
        "prune_versions": "prune",
        "blame_image": "blame",
        "cancel_fleet": "undo: cancel fleet",
    },
    release_flow: {
        "clear_up": "clear up",
        "check_quotas": "check quotas",
    },
    rollback_flow: {
        "clear_up": "clear up",
        "check_quotas": "check quotas",
        "find_version": "find version",
        "find_way_back": "find way back",
    },
}

LOOK_UP = ["look up infra", "check out", "find serving"]
WAIT = ["wait for the turn", "newer push", "clear up", "find serving"]
CHOOSE = ["find image", "find foreign"]
BAKE = ["find layer", "bake", "check the turn", "test", "keep SBOM"]
MIGRATE = ["check the turn", "migrate", "close access"]
GATE = ["gate", "check the turn", "grow"]
LAUNCH = ["launch", "choose size", "request fleet", *GATE, "check the turn", "promote"]
RETIRE = ["mark as released", "price", "check the turn", "retire", "prune"]
UNDO = ["undo: cancel fleet", "undo: discard image"]
END = ["give the turn back"]
