"""What serves and is not ours: told apart, and adopted only where nothing else is touched."""

from datetime import timedelta
from typing import Any

import pytest

from spotkiln.keep.action import Verb
from spotkiln.keep.facts import Facts
from spotkiln.keep.reconcile import decide
from spotkiln.serve.fleet import Fleet, Phase, State
from spotkiln.serve.foreign import Foreign, adoption_tags, in_words, sort_out
from spotkiln.show.page import release_page
from spotkiln.target import Instance
from tests.unit import nouns
from tests.unit.nouns import GROUP, OTHER_GROUP, START, TAGS
from tests.unit.show.test_page import release

OURS = nouns.fleet("sfr-ours")
THEIRS = nouns.fleet("sfr-theirs", phase=None, capacity=6, created=START - timedelta(days=9))


def machine(name: str, fleet: str = "", **tags: str) -> Instance:
    return nouns.instance(name, fleet=fleet, launcher="Spot Fleet" if fleet else "", tags=tags)


def look(
    *targets: Instance,
    fleets: tuple[Fleet, ...] = (OURS, THEIRS),
    members: dict[str, list[Instance]] | None = None,
    elsewhere: dict[str, list[str]] | None = None,
) -> Foreign:
    every = {fleet.id: [one for one in targets if one.fleet == fleet.id] for fleet in fleets}
    return sort_out(GROUP, fleets, {**every, **(members or {})}, targets, elsewhere or {})


def test_what_is_whose() -> None:
    found = look(
        machine("i-ours", OURS.id),
        machine("i-theirs", THEIRS.id),
        machine("i-web", **{"aws:autoscaling:groupName": "web"}),
        machine("i-web2", **{"aws:autoscaling:groupName": "web"}),
        machine("i-ec2", **{"aws:ec2:fleet-id": "fleet-1"}),
        # Launched "like this": our tags alone say nothing.
        nouns.instance("i-copy", tags=TAGS),
        machine("i-old", "sfr-of-last-week"),
    )
    assert [one.fleet.id for one in found.fleets] == [THEIRS.id]
    assert found.adoptable == [THEIRS]
    assert found.others == {
        "Auto Scaling group web": ("i-web", "i-web2"),
        "EC2 Fleet fleet-1": ("i-ec2",),
        "Spot Fleet sfr-of-last-week": ("i-old",),
    }
    assert found.instances == ("i-copy",)


def test_a_member_without_ec2s_own_tag_is_its_fleets() -> None:
    """EC2 may leave On-Demand members without it; the fleet knows them."""
    bare = machine("i-demand")
    found = look(bare, members={OURS.id: [bare]})
    assert found.instances == ()


def test_one_that_has_no_instance_yet_serves_too() -> None:
    assert look().adoptable == [THEIRS]


def test_ours_alone_is_nothing_foreign() -> None:
    assert look(machine("i-1", OURS.id), fleets=(OURS,)) == Foreign()
    retiring = nouns.fleet("sfr-old", phase=Phase.RETIRING)
    assert look(machine("i-1", "sfr-old"), fleets=(OURS, retiring)) == Foreign()


@pytest.mark.parametrize(
    ("changes", "elsewhere", "unfit"),
    [
        ({"target_groups": (GROUP, OTHER_GROUP)}, {}, "it serves other too"),
        ({"classic_load_balancers": ("old-lb",)}, {}, "it serves old-lb too"),
        ({}, {"i-1": ["blog"]}, "it serves blog too"),
        ({"target_groups": ()}, {}, "registered by somebody else"),
        ({"state": State.STOPPED, "status": "cancelled_running"}, {}, "it is cancelled_running"),
    ],
)
def test_what_serves_anything_else_is_never_adopted(
    changes: dict[str, Any], elsewhere: dict[str, list[str]], unfit: str
) -> None:
    fleet = THEIRS.model_copy(update=changes)
    found = look(machine("i-1", fleet.id), fleets=(fleet,), elsewhere=elsewhere)
    assert found.adoptable == []
    assert unfit in found.fleets[0].unfit
    [line] = in_words(found, adopt=True)
    assert "left alone" in line
    assert unfit in line


def test_a_weighted_fleet_counts_in_instances() -> None:
    fleet = THEIRS.model_copy(update={"weighted": True, "capacity": 16})
    found = look(machine("i-1", fleet.id), machine("i-2", fleet.id), fleets=(fleet,))
    assert found.adoptable[0].capacity == 2


def test_in_words() -> None:
    found = look(machine("i-1"), machine("i-2", **{"aws:autoscaling:groupName": "web"}))
    fleet, group, single = in_words(found, adopt=False)
    assert fleet == (
        "Spot Fleet sfr-theirs (6 instances): left alone, both serve; with infra.adopt a release "
        "retires it"
    )
    assert group.startswith("Auto Scaling group web (1 instances): left alone")
    assert single.startswith("instance i-1: left alone")
    assert "adopted, retired without loss" in in_words(found, adopt=True)[0]


def test_reconcile_finishes_an_adoption_that_was_begun() -> None:
    begun = THEIRS.model_copy(update={"tags": adoption_tags("demo-1", GROUP, THEIRS)})
    assert begun.phase is Phase.RETIRING
    facts = Facts(fleets=(OURS, begun))
    [action] = decide(facts, "website")
    assert (action.verb, action.ids) == (Verb.RETIRE_FLEETS, (begun.id,))
    # Not while the release lives that does it, and never without something of ours that serves.
    assert decide(facts.model_copy(update={"living": frozenset({OURS.release})})) == []
    assert decide(Facts(fleets=(begun,))) == []


def test_reconcile_never_touches_one_that_nobody_adopted() -> None:
    assert decide(Facts(fleets=(OURS, THEIRS))) == []


def test_the_page_says_that_it_was_adopted() -> None:
    gone = THEIRS.model_copy(update={"tags": adoption_tags("demo-1", GROUP, THEIRS)})
    assert "- `sfr-theirs` with 6 servers, adopted" in release_page(release(retired=(gone,)))
