"""What a release of one target group clears away: nothing that was made for another."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.bake.image import ImageState
from spotkiln.keep.action import Verb
from spotkiln.keep.facts import Facts, Owned, Snapshot
from spotkiln.keep.reconcile import decide
from spotkiln.serve.fleet import Phase
from tests.unit import nouns
from tests.unit.keep.test_reconcile import template
from tests.unit.leftovers import fleet, image, machine
from tests.unit.nouns import OTHER_GROUP, START


def test_within_one_target_group_others_are_out_of_sight() -> None:
    elsewhere = {t.RELEASE: "dead", t.TARGET_GROUP: "other"}
    pending = fleet("sfr-o", Phase.PENDING, "dead", target_groups=(OTHER_GROUP,))
    facts = Facts(
        fleets=(pending.model_copy(update={"tags": {**pending.tags, **elsewhere}}),),
        instances=(nouns.instance("i-o", "running", tags=elsewhere),),
        parts=(template("lt-o", "dead", target_group="other"),),
        snapshots=(Snapshot(id="snap-o", release="dead", target_group="other"),),
        security_groups=(Owned(id="sg-o", release="dead", target_group="other"),),
    )
    assert len(decide(facts)) == 5
    assert decide(facts, "website") == []
    assert decide(facts, "other") == decide(facts)


def other(one: Any) -> Any:
    """Made for the other target group."""
    return one.model_copy(update={"tags": {**one.tags, t.TARGET_GROUP: "other"}})


def test_within_one_target_group_an_image_that_served_another_stays() -> None:
    """Its fleet was cancelled before its image could tell that it had served."""
    gone = fleet(
        "sfr-o", Phase.RETIRING, "dead", target_groups=(OTHER_GROUP,), state="cancelled",
        promoted=START,
    )  # fmt: skip
    facts = Facts(fleets=(other(gone),), images=(image("ami-dead", "dead", ImageState.TESTED),))
    assert decide(facts, "website") == []
    assert [one.verb for one in decide(facts, "other")] == [Verb.MARK_RELEASED]


def test_within_one_target_group_the_snapshots_of_others_images_stay() -> None:
    version = other(image("ami-o", "dead", ImageState.TESTED, released="2024-04-01"))
    facts = Facts(
        images=(version,), snapshots=(Snapshot(id="snap-ami-o", release="dead", image="ami-o"),)
    )
    assert decide(facts, "website") == []


@pytest.mark.parametrize(("phase", "drained"), [(Phase.SERVING, 0), (Phase.RETIRING, 1)])
def test_within_one_target_group_the_servers_of_others_fleets_stay(
    phase: Phase, drained: int
) -> None:
    """EC2 may leave members of a fleet without its tags. What served is not taken away at all."""
    gone = other(fleet("sfr-o", phase, "dead", target_groups=(OTHER_GROUP,), state="cancelled"))
    facts = Facts(fleets=(gone,), instances=(nouns.instance("i-1", "running", fleet="sfr-o"),))
    assert decide(facts, "website") == []
    assert len(decide(facts, "other")) == len(decide(facts)) == drained


def test_within_one_target_group_are_also_those_whose_tags_name_none() -> None:
    """An older release's, or one that was killed before it knew: any group's release may clear
    them away. An image that was made for another group is that one's."""
    pending = fleet("sfr-1", Phase.PENDING, "dead")
    candidate = image("ami-1", "dead", ImageState.CANDIDATE)

    def nameless(tags: dict[str, str]) -> dict[str, dict[str, str]]:
        return {"tags": {key: value for key, value in tags.items() if key != t.TARGET_GROUP}}

    facts = Facts(
        fleets=(pending.model_copy(update=nameless(pending.tags)),),
        instances=(machine("i-builder", "dead"),),
        images=(
            candidate.model_copy(update=nameless(candidate.tags)),
            image("ami-2", "dead", ImageState.CANDIDATE).with_tags(**{t.TARGET_GROUP: "other"}),
        ),
        key_pairs=(Owned(id="key-1", release="dead"),),
    )
    everything = {one.ids for one in decide(facts)}
    assert everything == {("sfr-1",), ("i-builder",), ("ami-1",), ("ami-2",), ("key-1",)}
    assert {one.ids for one in decide(facts, "website")} == everything - {("ami-2",)}
    assert {one.ids for one in decide(facts, "other")} == everything
