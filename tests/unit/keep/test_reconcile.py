"""What nobody owns, and what is done about it."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.bake.base import BaseSpec, base_tags, new_base_name
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.image_name import layer_name
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.facts import Facts, Owned, OwnedPart, Snapshot
from spotkiln.keep.reconcile import decide
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.weights import HandOver, Weights
from tests.unit import nouns
from tests.unit.leftovers import LIVING, fleet, image, machine
from tests.unit.nouns import GROUP, OTHER_GROUP, START


def template(name: str, release: str, **changes: str) -> OwnedPart:
    return OwnedPart(kind="launch-template", id=name, release=release, **changes)


def todo(**facts: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.verb, one.ids) for one in decide(Facts(living=LIVING, **facts))]


SERVING = fleet("sfr-serving", Phase.SERVING, "old")
TESTED = ImageState.TESTED
OLD_IMAGE = image("ami-old", "old", ImageState.TESTED, released="2024-04-01")


def test_a_quiet_account_needs_nothing() -> None:
    assert todo() == []
    assert (
        todo(
            fleets=(SERVING,),
            images=(OLD_IMAGE,),
            instances=(machine("i-1", "old", of=SERVING.id),),
            snapshots=(Snapshot(id="snap-ami-old", release="old", image="ami-old"),),
            parts=(template("lt-sfr-serving", "old"),),
        )
        == []
    )


def test_a_living_releases_things_are_left_alone() -> None:
    release = "living"
    pending = fleet("sfr-new", Phase.PENDING, release)
    assert (
        todo(
            fleets=(SERVING, pending),
            instances=(machine("i-builder", release), machine("i-2", release, of="sfr-new")),
            images=(OLD_IMAGE, image("ami-new", release, ImageState.CANDIDATE)),
            snapshots=(Snapshot(id="snap-new", release=release),),
            parts=(template("lt-sfr-new", release), template("lt-x", release)),
            security_groups=(Owned(id="sg-1", release=release),),
            key_pairs=(Owned(id="spotkiln-builder-living", release=release),),
        )
        == []
    )


def test_a_dead_releases_things_go_servers_first() -> None:
    pending = fleet("sfr-new", Phase.PENDING, "dead")
    assert todo(
        fleets=(SERVING, pending),
        instances=(machine("i-builder", "dead"), machine("i-2", "dead", of="sfr-new")),
        images=(OLD_IMAGE, image("ami-new", "dead", ImageState.CANDIDATE)),
        snapshots=(Snapshot(id="snap-stray", release="dead"),),
        parts=(template("lt-stray", "dead"),),
        security_groups=(Owned(id="sg-1", release="dead"),),
        key_pairs=(Owned(id="key-1", release="dead"),),
    ) == [
        (Verb.RETIRE_FLEETS, ("sfr-new",)),
        (Verb.TERMINATE_BUILDERS, ("i-builder",)),
        (Verb.DELETE_PART, ("lt-stray",)),
        (Verb.DELETE_KEY_PAIR, ("key-1",)),
        (Verb.DELETE_SECURITY_GROUP, ("sg-1",)),
        (Verb.DISCARD_IMAGE, ("ami-new",)),
        (Verb.DELETE_SNAPSHOT, ("snap-stray",)),
    ]


def test_requests_are_settled_before_the_servers_go_and_even_if_they_are_gone() -> None:
    def handed(release: str) -> HandOver:
        before = Weights(of={"website": 100, "website-green": 0})
        return HandOver(release=release, before=before, target_group=GROUP)

    pending = fleet("sfr-new", Phase.PENDING, "dead")
    settled = (Verb.SETTLE_WEIGHTS, ("dead",))
    retired = (Verb.RETIRE_FLEETS, ("sfr-new",))
    dead, living = (handed("dead"),), (handed("living"),)
    assert todo(fleets=(SERVING, pending), hand_overs=dead) == [settled, retired]
    gone = fleet("sfr-new", Phase.PENDING, "dead", state="cancelled")
    assert todo(fleets=(SERVING, gone), hand_overs=dead) == [settled]
    assert todo(fleets=(SERVING,), hand_overs=(*dead, *living)) == [settled]
    facts = Facts(living=LIVING, fleets=(SERVING,), hand_overs=dead)
    assert [one.target_group for one in decide(facts, "website")] == [GROUP]
    assert decide(facts, "other") == []


def test_killed_after_promoting_it_finishes_the_release() -> None:
    new = fleet("sfr-new", Phase.SERVING, "dead", created=START.replace(hour=13))
    tested = image("ami-dead", "dead", ImageState.TESTED)
    assert todo(fleets=(SERVING, new), images=(OLD_IMAGE, tested)) == [
        (Verb.MARK_RELEASED, ("sfr-new",)),
        (Verb.RETIRE_FLEETS, ("sfr-serving",)),
    ]


def test_a_retirement_is_finished_unless_its_release_lives() -> None:
    leaving = fleet("sfr-leaving", Phase.RETIRING, "older", state="cancelled_running")
    assert todo(fleets=(SERVING, leaving)) == [(Verb.RETIRE_FLEETS, ("sfr-leaving",))]
    new = fleet("sfr-new", Phase.SERVING, "living", created=START.replace(hour=13))
    assert todo(fleets=(SERVING, leaving, new)) == []


def test_instances_that_arrived_after_the_cancel_are_drained() -> None:
    gone = fleet("sfr-gone", Phase.PENDING, "dead", state="cancelled")
    late = machine("i-late", "dead", of="sfr-gone", state="pending")
    found = decide(Facts(fleets=(SERVING, gone), instances=(late,)))
    assert found == [
        Action(
            verb=Verb.DRAIN_INSTANCES,
            ids=("i-late",),
            why="its fleet sfr-gone is cancelled",
            target_group=GROUP,
        )
    ]
    assert str(found[0]) == "drain and terminate i-late: its fleet sfr-gone is cancelled"


def test_a_server_that_stays_does_not_hide_the_late_ones_after_it() -> None:
    """One that no fleet has launched, and one whose fleet has served."""
    gone = fleet("sfr-gone", Phase.PENDING, "dead", state="cancelled")
    served = fleet("sfr-served", Phase.SERVING, "old", state="cancelled")
    found = todo(
        fleets=(gone, served),
        instances=(
            machine("i-1", "living"),
            machine("i-2", "old", of="sfr-served"),
            machine("i-3", "dead", of="sfr-gone"),
        ),
    )
    assert found == [(Verb.DRAIN_INSTANCES, ("i-3",))]


def test_a_serving_fleet_that_somebody_cancelled_is_not_ours_to_take() -> None:
    cancelled = fleet("sfr-serving", Phase.SERVING, "old", state="cancelled")
    assert todo(fleets=(cancelled,), instances=(machine("i-1", "old", of="sfr-serving"),)) == []


def test_what_was_promoted_is_a_version_even_if_its_fleet_has_gone_unrecorded() -> None:
    gone = fleet("sfr-gone", Phase.RETIRING, "dead", state="cancelled", promoted=START)
    tested = image("ami-dead", "dead", ImageState.TESTED)
    assert todo(fleets=(gone,), images=(tested,)) == [(Verb.MARK_RELEASED, ("sfr-gone",))]


def test_an_image_that_was_baked_for_another_target_group_is_seen_where_it_serves() -> None:
    """Killed after promoting staging's image in production."""
    new = fleet("sfr-new", Phase.SERVING, "dead", target_groups=(OTHER_GROUP,), promoted=START)
    new = new.model_copy(update={"tags": {**new.tags, t.TARGET_GROUP: "other"}})
    staged = image("ami-dead", "stage", ImageState.TESTED, released="2024-04-01")
    found = decide(Facts(fleets=(new,), images=(staged,)), "other")
    assert [str(one) for one in found] == [
        "mark as released sfr-new: ami-dead does not say that it serves other"
    ]
    assert decide(Facts(fleets=(new,), images=(staged,)), "website") == []


def test_rejected_candidates_go_and_kept_ones_and_versions_stay() -> None:
    rejected = image("ami-bad", "dead", ImageState.REJECTED)
    version = image("ami-version", "dead", ImageState.REJECTED, released="2024-04-01")
    kept = image("ami-kept", "dead", ImageState.REJECTED, keep="rejected")
    assert todo(images=(rejected, version, kept)) == [(Verb.DISCARD_IMAGE, ("ami-bad",))]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (ImageState.RETIRED, "its application was taken down"),
        (ImageState.REJECTED, "rejected"),
        (ImageState.CANDIDATE, "never released, and dead has ended"),
        (ImageState.TESTED, "never released, and dead has ended"),
    ],
)
def test_an_image_that_goes_says_why(state: ImageState, why: str) -> None:
    (action,) = decide(Facts(images=(image("ami-1", "dead", state),)))
    assert (action.verb, action.why) == (Verb.DISCARD_IMAGE, why)


def test_what_serves_is_no_price_for_a_retirement_that_was_begun() -> None:
    """Its successor was cancelled by hand: it is all that serves."""
    leaving = fleet("sfr-leaving", Phase.RETIRING, "old")
    lost = fleet("sfr-new", Phase.SERVING, "new", state="cancelled", created=START.replace(hour=14))
    assert todo(fleets=(leaving, lost)) == []


def test_the_fleet_of_a_living_release_is_its_own_to_retire() -> None:
    mine = fleet("sfr-mine", Phase.SERVING, "living")
    newer = fleet("sfr-newer", Phase.SERVING, "new", created=START.replace(hour=14))
    assert todo(fleets=(mine, newer)) == []


def test_what_was_cancelled_by_hand_goes_once_something_newer_serves() -> None:
    cancelled = fleet("sfr-serving", Phase.SERVING, "old", state="cancelled_running")
    assert todo(fleets=(cancelled,)) == []
    newer = fleet("sfr-newer", Phase.SERVING, "new", created=START.replace(hour=14))
    assert todo(fleets=(cancelled, newer)) == [(Verb.RETIRE_FLEETS, ("sfr-serving",))]


def base(name: str, owner: str, state: ImageState | None) -> Image:
    """As a nightly run bakes it; without a state it was killed before it could tag it."""
    tags = {**base_tags("rails-base", owner, "run-1"), t.STATE: str(state)} if state else {}
    named = new_base_name(BaseSpec(), owner, START)
    return nouns.image(name).model_copy(update={"name": named, "tags": tags})


def test_a_killed_nightlys_candidate_goes_with_its_builder() -> None:
    dead = "base-0123456789ab"
    assert todo(
        images=(base("ami-tagged", dead, ImageState.CANDIDATE), base("ami-untagged", dead, None)),
        instances=(machine("i-builder", dead),),
        security_groups=(Owned(id="sg-1", release=dead),),
        key_pairs=(Owned(id=f"spotkiln-builder-{dead}", release=dead),),
    ) == [
        (Verb.TERMINATE_BUILDERS, ("i-builder",)),
        (Verb.DELETE_KEY_PAIR, (f"spotkiln-builder-{dead}",)),
        (Verb.DELETE_SECURITY_GROUP, ("sg-1",)),
        (Verb.DISCARD_IMAGE, ("ami-tagged",)),
        (Verb.DISCARD_IMAGE, ("ami-untagged",)),
    ]


def test_a_promoted_base_is_nobodys_to_take_away() -> None:
    """The current one and every older one: what nothing needs is pruned by the next night."""
    assert todo(images=(base("ami-base", "base-0123456789ab", ImageState.BASE),)) == []


def layer(name: str, owner: str, state: ImageState | None, *, hours: float = 0) -> Image:
    """As a release bakes it; without a state it was killed before it could tag it."""
    tags = {t.LAYER: "shop", t.RELEASE: owner, t.STATE: str(state)} if state else {}
    named = layer_name("shop", owner)
    return nouns.image(name, age_hours=hours).model_copy(update={"name": named, "tags": tags})


def test_a_layer_that_was_not_finished_goes() -> None:
    dead = "layer-0123456789ab"
    assert todo(
        images=(layer("ami-1", dead, ImageState.CANDIDATE), layer("ami-2", dead, None)),
        instances=(machine("i-builder", dead),),
        security_groups=(Owned(id="sg-1", release=dead),),
        key_pairs=(Owned(id=f"spotkiln-builder-{dead}", release=dead),),
    ) == [
        (Verb.TERMINATE_BUILDERS, ("i-builder",)),
        (Verb.DELETE_KEY_PAIR, (f"spotkiln-builder-{dead}",)),
        (Verb.DELETE_SECURITY_GROUP, ("sg-1",)),
        (Verb.DISCARD_IMAGE, ("ami-1",)),
        (Verb.DISCARD_IMAGE, ("ami-2",)),
    ]


def test_a_layer_that_later_bakes_may_start_from_stays() -> None:
    """And one that nothing needs any more stays while a release of its application lives."""
    new = layer("ami-new", "layer-0123456789ab", ImageState.LAYER)
    old = layer("ami-old", "layer-ba9876543210", ImageState.LAYER, hours=1)
    (action,) = decide(Facts(images=(new, old)))
    assert (action.verb, action.ids) == (Verb.DISCARD_IMAGE, ("ami-old",))
    assert action.why == "a newer layer is there, and no image that was baked from this one"
    baked = image("ami-app", "dead", ImageState.TESTED, released="2024-04-01")
    baked = baked.with_tags(**{t.FROM_LAYER: "layer-ba9876543210"})
    assert todo(images=(new, old, baked)) == []
    for living, stays in (("shop-0123456789ab", True), ("shop-two-0123456789ab", False)):
        facts = Facts(living=frozenset({living}), images=(new, old))
        assert (decide(facts) == []) is stays


def test_a_living_nightlys_candidate_is_left_alone() -> None:
    owner = "base-0123456789ab"
    facts = Facts(
        living=frozenset({owner}),
        images=(base("ami-1", owner, ImageState.CANDIDATE), base("ami-2", owner, None)),
        instances=(machine("i-builder", owner),),
    )
    assert decide(facts) == []
    assert decide(facts, "website") == []


def test_what_is_taken_away_is_told_with_its_reason() -> None:
    newer = fleet("sfr-new", Phase.SERVING, "new", created=START.replace(hour=14))
    begun, replaced = decide(
        Facts(
            living=LIVING,
            fleets=(SERVING, fleet("sfr-begun", Phase.RETIRING, "older"), newer),
        )
    )
    assert str(replaced) == "retire sfr-serving: a newer fleet serves in its place"
    assert str(begun) == "retire sfr-begun: its retirement was not finished"
    assert str(Action(verb=Verb.DRAIN_INSTANCES, ids=("i-1", "i-2"), why="lost")) == (
        "drain and terminate i-1, i-2: lost"
    )


def scaled(name: str, phase: Phase, release: str, value: str, **changes: Any) -> Fleet:
    found = fleet(name, phase, release, **changes)
    return found.model_copy(update={"tags": {**found.tags, t.SCALING: value}})


def test_scaling_goes_on_once_the_release_that_suspended_it_has_ended() -> None:
    old = scaled("sfr-old", Phase.SERVING, "old", "suspended dead x")
    pending = scaled("sfr-new", Phase.PENDING, "dead", "suspended dead")
    assert todo(fleets=(old, pending), images=(OLD_IMAGE,)) == [
        (Verb.RETIRE_FLEETS, ("sfr-new",)),
        (Verb.RESUME_SCALING, ("sfr-old",)),
    ]
    # It was promoted, and has taken over: the old one goes, and no longer matters.
    later = START.replace(hour=13)
    new = scaled("sfr-new", Phase.SERVING, "dead", "suspended dead", created=later)
    found = todo(fleets=(old, new), images=(OLD_IMAGE, image("ami-dead", "dead", TESTED)))
    assert found == [
        (Verb.MARK_RELEASED, ("sfr-new",)),
        (Verb.RETIRE_FLEETS, ("sfr-old",)),
        (Verb.RESUME_SCALING, ("sfr-new",)),
    ]


def test_scaling_that_is_on_or_that_a_living_release_suspended_is_left_alone() -> None:
    for value in ("on", "suspended living x"):
        old = scaled("sfr-old", Phase.SERVING, "old", value)
        assert todo(fleets=(old,), images=(OLD_IMAGE,)) == []
