"""The ways through a release and a rollback: which steps are taken in which order, and how it ends.

The flows are called as plain functions, without Prefect. Each step answers what a test says.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.reuse import Reuse
from spotkiln.errors import (
    GateFailed,
    GaveWay,
    ImageRejected,
    InfrastructureError,
    InputError,
    SpotkilnError,
    TestsFailed,
)
from spotkiln.flows import release as release_flow
from spotkiln.flows import rollback as rollback_flow
from spotkiln.release.approval import Answer, Decision
from spotkiln.release.release import Approval, Fate, LedgerEntry, Release
from spotkiln.release.trigger import Trigger
from spotkiln.serve.capacity import Size
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.foreign import Foreign
from spotkiln.serve.price import Cost
from spotkiln.serve.spec import FleetSpec
from spotkiln.tasks.release import approval as asking
from spotkiln.tasks.release import endings, run, steps
from spotkiln.tasks.serve import serve
from tests.unit import nouns
from tests.unit.nouns import COMMIT
from tests.unit.release.books import GREEN, NEW, OLD, way_back
from tests.unit.release.test_plan import plan

IMAGE = nouns.image("ami-9")
NEEDED = Reuse(image=None, why="the source differs")
FOUND = Reuse(image=IMAGE, why="the same recipe")


class Turn:
    """Holds the target group."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def check(self) -> None:
        self._world.step("check the turn")

    def launch(self) -> None:
        self._world.step("launch")


class World:
    """What each step answers, by its name; an error is raised. `taken` are the steps in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.taken: list[str] = []
        self.published: list[Release] = []
        self.answers: dict[str, Any] = {
            "look up infra": nouns.infra(),
            "check out": nouns.source(),
            "find serving": [OLD],
            "find image": NEEDED,
            "bake": IMAGE,
            "test": GREEN,
            "choose size": Size(spec=FleetSpec()),
            "request fleet": NEW,
            "gate": (NEW, (nouns.server("i-1"),)),
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
        patch.setattr(run, "list_versions", lambda *_: [])
        patch.setattr(run, "read_back", lambda *_: [])
        for name in ("announce", "rename", "page_of", "connect"):
            patch.setattr(run, name, lambda *_, **__: "")

    def step(self, name: str) -> Any:
        self.taken.append(name)
        answer = self.answers.get(name)
        if isinstance(answer, list) and answer and isinstance(answer[0], list | BaseException):
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
        return release_flow.release.fn(**given)

    def rollback(self) -> Release:
        return rollback_flow.rollback.fn(app=nouns.app())

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
        "find_foreign": "find foreign",
        "packer_build": "bake",
        "test_in_image": "test",
    },
    endings: {"newer_push": "newer push", "is_unchanged": "is unchanged"},
    asking: {"plan_release": "plan", "_pause": "ask"},
    serve: {
        "choose_size": "choose size",
        "request_fleet": "request fleet",
        "prove": "gate",
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
        "discard_image": "undo: discard image",
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
BAKE = ["bake", "check the turn", "test"]
LAUNCH = ["launch", "choose size", "request fleet", "gate", "check the turn", "promote"]
RETIRE = ["mark as released", "price", "check the turn", "retire", "prune"]
UNDO = ["undo: cancel fleet", "undo: discard image"]
END = ["give the turn back"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    monkeypatch.setenv("SPOTKILN_HOME", str(tmp_path))
    return World(monkeypatch)


# -- it goes well --


def test_from_a_commit_to_serving(world: World) -> None:
    told = world.release()
    assert world.taken == [
        *LOOK_UP, *WAIT, *CHOOSE, "check quotas", *BAKE, *LAUNCH, *RETIRE, *END
    ]  # fmt: skip
    assert (told.outcome, told.image, told.reused, told.tests) == ("released", IMAGE, "", GREEN)
    assert (told.fleet, told.retired, told.undone) == (NEW, (OLD,), ())
    assert world.published == [told]
    assert [one.name for one in told.timings] == [
        "look up", "wait", "bake", "test", "launch", "gate", "retire"
    ]  # fmt: skip


def test_an_image_that_is_there_is_neither_baked_nor_tested(world: World) -> None:
    world.answers["find image"] = FOUND
    told = world.release()
    assert world.taken == [
        *LOOK_UP, *WAIT, *CHOOSE, "is unchanged", "check quotas", *LAUNCH, *RETIRE, *END
    ]  # fmt: skip
    assert (told.outcome, told.image, told.reused) == ("released", IMAGE, "the same recipe")
    assert told.tests is None


def test_the_first_release_of_all(world: World) -> None:
    world.answers |= {"find serving": [], "find image": FOUND, "retire": []}
    assert world.release().outcome == "released"
    assert "is unchanged" not in world.taken


def test_a_rollback_bakes_nothing_and_knows_what_is_previous_only_in_its_turn(world: World) -> None:
    told = world.rollback()
    assert world.taken == [
        "find version", "look up infra", "wait for the turn", "clear up", "find way back",
        "look up infra", "find serving", "find foreign", "is unchanged", "check quotas",
        *LAUNCH, *RETIRE, *END,
    ]  # fmt: skip
    assert (told.outcome, told.image, told.ref) == ("released", way_back().image, COMMIT[:12])
    assert told.back_to == "2024-05-01 03:00:00 UTC"


# -- it ends early, and well --


UNTOUCHED = Reuse(image=None, why="the base image differs", files_serve=True)
WEB = nouns.app(folder="apps/web")


def test_a_push_that_touches_nothing_of_an_application_in_a_folder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else has changed since: that is for the night."""
    monkeypatch.setattr(run, "started_by", lambda: Trigger(kind="push", by="ada"))
    world.answers["find image"] = UNTOUCHED
    told = world.release(app=WEB)
    assert world.taken == [*LOOK_UP, *WAIT, *CHOOSE, *END]
    assert (told.outcome, told.fleet) == ("unchanged", OLD)
    assert told.cause == "the push touches nothing in apps/web, nor what that depends on"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("schedule", {"app": WEB}),
        ("push", {"app": WEB, "force": True}),
        ("push", {"app": nouns.app()}),
    ],
)
def test_whoever_means_it_gets_a_release_of_the_same_files(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr(run, "started_by", lambda: Trigger(kind=kind))
    world.answers["find image"] = UNTOUCHED
    assert world.release(**changes).outcome == "released"


def held(commit: str = COMMIT) -> Fleet:
    return OLD.model_copy(update={"tags": {**OLD.tags, "spotkiln:held": commit[:12]}})


def test_held_before_anybody_waits(world: World) -> None:
    world.answers["find serving"] = [held()]
    told = world.release(approval=Approval(required=True))
    assert world.taken == LOOK_UP
    assert told.outcome == "held"
    assert "is held since a rollback" in told.cause


def test_held_by_a_rollback_that_came_first(world: World) -> None:
    world.answers["find serving"] = [[OLD], [held()]]
    told = world.release()
    assert world.taken == [*LOOK_UP, *WAIT, *END]
    assert told.outcome == "held"


def test_released_even_if_held(world: World) -> None:
    world.answers["find serving"] = [held()]
    assert world.release(even_if_held=True).outcome == "released"


def test_a_newer_push_is_released_in_its_place(world: World) -> None:
    world.answers["newer push"] = "gave way to run 2 of a newer push"
    told = world.release()
    assert world.taken == [*LOOK_UP, "wait for the turn", "newer push", *END]
    assert (told.outcome, told.cause) == ("superseded", "gave way to run 2 of a newer push")
    assert [(one.name, one.failed) for one in told.timings] == [("look up", False), ("wait", False)]


def test_unchanged(world: World) -> None:
    world.answers |= {"find image": FOUND, "is unchanged": True}
    told = world.release()
    assert world.taken == [*LOOK_UP, *WAIT, *CHOOSE, "is unchanged", *END]
    assert (told.outcome, told.fleet, told.cause) == ("unchanged", OLD, "")
    assert world.release(force=True).outcome == "released"


def test_a_rollback_to_what_serves_already(world: World) -> None:
    world.answers["is unchanged"] = True
    assert (world.rollback().outcome, world.taken[-1]) == ("unchanged", "give the turn back")
    assert "launch" not in world.taken


@pytest.mark.parametrize("step", ["check the turn", "launch"])
def test_one_that_gives_way_undoes_what_it_made(world: World, step: str) -> None:
    """A rollback took the turn before this release had launched."""
    world.answers[step] = GaveWay("to rollback-1")
    told = world.release()
    assert (told.outcome, told.cause) == ("superseded", "to rollback-1")
    assert told.undone == ("discard image",)
    assert "request fleet" not in world.taken


# -- a person is asked --

ASKS = Approval(required=True, seconds=60)


def test_a_person_is_asked_before_the_turn(world: World) -> None:
    world.answers["find serving"] = [nouns.fleet("sfr-1")]
    told = world.release(approval=ASKS)
    assert world.taken[: len(LOOK_UP) + 3] == [*LOOK_UP, "plan", "ask", "wait for the turn"]
    assert (told.outcome, told.approval) == ("released", "approved by alice")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(decision=Decision.REJECT, by="bob", comment="friday"), "rejected by bob: friday"),
        (None, "nobody approved it within 60 s; start it again to be asked again"),
    ],
)
def test_without_a_yes_nothing_is_spent(world: World, answer: Answer | None, cause: str) -> None:
    world.answers["ask"] = answer
    told = world.release(approval=ASKS)
    assert world.taken == [*LOOK_UP, "plan", "ask"]
    assert (told.outcome, told.cause) == ("declined", cause)


def test_nobody_is_asked_whether_nothing_shall_be_done(world: World) -> None:
    world.answers |= {"plan": plan(unchanged=True), "find image": FOUND, "is unchanged": True}
    told = world.release(approval=ASKS)
    assert "ask" not in world.taken
    assert (told.outcome, told.approval) == ("unchanged", "")


def test_the_world_changed_while_somebody_thought(world: World) -> None:
    world.answers["find serving"] = [[nouns.fleet("sfr-1")], [nouns.fleet("sfr-2")]]
    told = world.release(approval=ASKS)
    assert told.outcome == "declined"
    assert "what serves has changed since the approval" in told.cause
    assert "check quotas" not in world.taken


# -- it fails --


def test_nothing_is_undone_before_anything_was_made(world: World) -> None:
    world.answers["check quotas"] = InputError("no room")
    told = world.fails(InputError)
    assert (told.outcome, told.cause, told.undone) == ("failed", "no room", ())
    assert world.taken[-2:] == ["check quotas", "give the turn back"]


def test_red_tests_discard_the_image(world: World) -> None:
    world.answers["test"] = TestsFailed("1 of 3 tests failed", GREEN)
    told = world.fails(TestsFailed)
    assert world.taken[-3:] == ["test", "undo: discard image", "give the turn back"]
    assert (told.outcome, told.undone, told.tests) == ("failed", ("discard image",), GREEN)
    assert [(one.name, one.failed) for one in told.timings][-1] == ("test", True)


def test_a_fleet_that_does_not_pass_is_cancelled_and_its_image_stays_blameless(
    world: World,
) -> None:
    world.answers["gate"] = GateFailed("no", "unhealthy", "Killed")
    told = world.fails(GateFailed)
    assert world.taken[-4:] == ["gate", *UNDO, "give the turn back"]
    assert (told.outcome, told.last_lines) == ("rolled_back", "Killed")
    assert told.undone == ("cancel fleet", "discard image")


def test_a_verdict_on_the_image_is_written_on_it_first(world: World) -> None:
    blamed = IMAGE.with_tags(**{"spotkiln:state": "rejected"})
    world.answers |= {"gate": ImageRejected("no", "unhealthy"), "blame": blamed}
    told = world.fails(ImageRejected)
    assert world.taken[-5:] == ["gate", "blame", *UNDO, "give the turn back"]
    assert told.image == blamed


def test_a_verdict_that_cannot_be_written_down_is_the_verdict(world: World) -> None:
    world.answers |= {
        "gate": ImageRejected("no", "unhealthy"), "blame": InfrastructureError("EC2 is away")
    }  # fmt: skip
    assert world.fails(ImageRejected).cause == "no"


def test_a_turn_that_was_lost_promotes_nothing(world: World) -> None:
    world.answers |= {"find image": FOUND, "check the turn": InfrastructureError("lost")}
    told = world.fails(InfrastructureError)
    assert "promote" not in world.taken
    assert (told.outcome, told.cause) == ("rolled_back", "lost")


def test_once_it_serves_nothing_is_undone(world: World) -> None:
    world.answers["retire"] = InfrastructureError("it does not drain")
    told = world.fails(InfrastructureError)
    assert not [one for one in world.taken if one.startswith("undo")]
    assert (told.outcome, told.cause, told.fleet) == ("released", "it does not drain", NEW)


def test_versions_that_cannot_be_pruned_turn_nothing_red(world: World) -> None:
    world.answers["prune"] = InfrastructureError("EC2 is away")
    assert world.release().outcome == "released"


def test_what_cannot_be_undone_does_not_keep_the_rest(world: World) -> None:
    world.answers |= {
        "gate": GateFailed("no", "unhealthy"), "undo: cancel fleet": InfrastructureError("away")
    }  # fmt: skip
    told = world.fails(GateFailed)
    assert told.undone == ("discard image",)


def test_something_left_behind_turns_a_release_red_that_serves(world: World) -> None:
    world.answers["ledger"] = (LedgerEntry(kind="image", id="ami-8", fate=Fate.LEFT_BEHIND),)
    told = world.fails(SpotkilnError)
    assert (told.outcome, told.cause) == ("released", "")


def test_an_image_of_a_rollback_is_never_discarded(world: World) -> None:
    world.answers["gate"] = ImageRejected("no", "unhealthy")
    with pytest.raises(ImageRejected):
        world.rollback()
    assert world.taken[-4:] == ["gate", "blame", "undo: cancel fleet", "give the turn back"]
