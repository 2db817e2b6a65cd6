"""The ways through a release and a rollback: which steps are taken in which order, and how it ends.

The flows are called as plain functions, without Prefect. Each step answers what a test says.
"""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.bake.elsewhere import Elsewhere, Taken
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.reuse import Reuse
from spotkiln.errors import GaveWay, InfrastructureError, InputError
from spotkiln.keep.upkeep import Images
from spotkiln.release.approval import Answer, Decision
from spotkiln.release.release import Approval
from spotkiln.release.trigger import Trigger
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import GatePolicy
from spotkiln.tasks.release import run, steps
from spotkiln.tasks.serve import serve
from tests.unit import nouns
from tests.unit.nouns import COMMIT
from tests.unit.release.books import GREEN, NEW, OLD, way_back
from tests.unit.release.paths import (
    BAKE,
    CHOOSE,
    END,
    FOUND,
    IMAGE,
    LAUNCH,
    LOOK_UP,
    MIGRATE,
    NEEDED,
    RETIRE,
    WAIT,
    World,
)
from tests.unit.release.test_plan import plan

# -- it goes well --


def test_from_a_commit_to_serving(world: World) -> None:
    told = world.release()
    assert world.taken == [
        *LOOK_UP, *WAIT, *CHOOSE, "check quotas", *BAKE, *MIGRATE, *LAUNCH, *RETIRE, *END
    ]  # fmt: skip
    assert (told.outcome, told.image, told.reused, told.tests) == ("released", IMAGE, "", GREEN)
    assert (told.fleet, told.retired, told.undone) == (NEW, (OLD,), ())
    assert world.published == [told]
    assert [one.name for one in told.timings] == [
        "look up", "wait", "bake", "test", "migrate", "launch", "gate", "retire"
    ]  # fmt: skip


def test_what_was_released_elsewhere_is_copied_and_neither_baked_nor_tested(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(inputs={"base": "ami-there"})
    taken = Taken(image=nouns.image("ami-there"), recipe=recipe, where="account 111111111111")
    monkeypatch.setattr(steps, "find_recipe", lambda *_: (recipe, taken))
    monkeypatch.setattr(steps, "copy_image", lambda _: world.step("copy"))
    world.answers["copy"] = IMAGE
    told = world.release(images=Images(take_from=Elsewhere(region="us-east-1")))
    assert world.taken == [
        *LOOK_UP, *WAIT, *CHOOSE, "check quotas", "copy", *MIGRATE, *LAUNCH, *RETIRE, *END
    ]  # fmt: skip
    assert (told.outcome, told.image, told.tests) == ("released", IMAGE, None)
    assert told.reused == "copied from ami-there of account 111111111111, where it was released"
    # What cannot be launched is taken away again, as a bake is.
    world.answers["request fleet"] = InfrastructureError("no room")
    world.taken.clear()
    world.published.clear()
    world.fails(InfrastructureError, images=Images(take_from=Elsewhere(region="us-east-1")))
    assert "undo: discard image" in world.taken


def test_an_image_that_is_there_is_neither_baked_nor_tested(world: World) -> None:
    world.answers["find image"] = FOUND
    told = world.release()
    assert world.taken == [
        *LOOK_UP, *WAIT, *CHOOSE, "is unchanged", "check quotas", *MIGRATE, *LAUNCH, *RETIRE, *END
    ]  # fmt: skip
    assert (told.outcome, told.image, told.reused) == ("released", IMAGE, "the same recipe")
    assert told.tests is None


SERVED = {"spotkiln:served/website": "2024-05-01T10:00:00+00:00 2024-05-01T11:00:00+00:00"}


@pytest.mark.parametrize("force", [False, True])
def test_an_image_that_has_served_there_is_migrated_already(world: World, *, force: bool) -> None:
    world.answers["find image"] = FOUND.model_copy(update={"image": IMAGE.with_tags(**SERVED)})
    assert world.release(force=force).outcome == "released"
    assert ("migrate" in world.taken) == force


@pytest.mark.parametrize("changes", [{"migrate_on": "each"}, {"migrate": ""}])
def test_servers_that_migrate_themselves_and_applications_that_never_do(
    world: World, changes: dict[str, Any]
) -> None:
    world.answers["check out"] = nouns.source(app=nouns.settled(**changes))
    assert world.release().outcome == "released"
    assert "migrate" not in world.taken


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


def test_a_rollbacks_gate_waits_as_long_as_the_start_of_its_image_may_take(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image tells: no commit is checked out that could."""
    gates: list[GatePolicy] = []

    def prove(_new: object, _order: object, policy: GatePolicy, *_: object) -> Any:
        gates.append(policy)
        return world.step("gate")

    monkeypatch.setattr(serve, "prove", prove)
    slow = way_back(nouns.image("ami-0").with_tags(**{t.SERVING_SECONDS: "290"}))
    world.answers["find way back"] = slow
    assert world.rollback().outcome == "released"
    assert [one.boot_seconds for one in gates] == [320]


def test_a_rollback_to_an_image_whose_folders_have_no_file_system_launches_nothing(
    world: World,
) -> None:
    world.answers["find way back"] = way_back(nouns.image("ami-0", mounts="uploads"))
    with pytest.raises(InputError, match="names no file system for it"):
        world.rollback()
    assert "choose size" not in world.taken


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


def test_nobody_is_asked_about_a_push_that_touches_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "started_by", lambda: Trigger(kind="push", by="ada"))
    world.answers |= {"plan": plan(found=UNTOUCHED), "find image": UNTOUCHED}
    told = world.release(app=WEB, approval=ASKS)
    assert world.taken == [*LOOK_UP, "plan", *WAIT, *CHOOSE, *END]
    assert told.outcome == "unchanged"


@pytest.mark.parametrize("choice", [FOUND, NEEDED])
def test_what_nobody_was_asked_about_is_not_released(world: World, choice: Reuse) -> None:
    """There was nothing to do; then another release came first, or a server became unhealthy."""
    world.answers |= {"plan": plan(unchanged=True), "find image": choice, "is unchanged": False}
    told = world.release(approval=ASKS)
    assert world.taken[-2:] == (["is unchanged", *END] if choice.image else ["find foreign", *END])
    assert (told.outcome, told.approval) == ("declined", "")
    assert "nobody was asked" in told.cause


def test_the_world_changed_while_somebody_thought(world: World) -> None:
    world.answers["find serving"] = [[nouns.fleet("sfr-1")], [nouns.fleet("sfr-2")]]
    told = world.release(approval=ASKS)
    assert told.outcome == "declined"
    assert "what serves has changed since the approval" in told.cause
    assert "check quotas" not in world.taken
