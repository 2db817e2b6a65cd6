"""Whose leases must be known before a release clears up what it finds."""

import pytest

from spotkiln import tags as t
from spotkiln.bake.image import ImageState
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.facts import Facts, Owned, OwnedPart
from spotkiln.keep.scope import concerns, groups_to_ask
from spotkiln.serve.fleet import Phase
from tests.unit.leftovers import fleet, image

OWN, OTHER = "website", "shop"
HERE = OwnedPart(kind="launch-template", id="lt-1", release="one-1", target_group=OWN)
THERE = Owned(id="sg-2", release="two-2", target_group=OTHER)
KEY = Owned(id="key-of-two", release="two-2")
LONE = Owned(id="key-of-three", release="three-3")
LAYER = image("ami-9", "one-1", ImageState.LAYER).with_tags(**{t.TARGET_GROUP: OWN})
FACTS = Facts(
    fleets=(fleet("sfr-1", Phase.PENDING, "one-1"),),
    parts=(HERE,),
    security_groups=(THERE,),
    key_pairs=(KEY, LONE),
    images=(LAYER,),
)


def about(*ids: str) -> Action:
    return Action(verb=Verb.DELETE_PART, ids=ids, why="it is left over")


@pytest.mark.parametrize(
    ("ids", "groups"),
    [
        ([], {OWN}),
        (["lt-1"], {OWN}),
        # It does not tell its target group; what else its release has made does.
        (["key-of-two"], {OWN, OTHER}),
        (["lt-1", "key-of-two"], {OWN, OTHER}),
        # Nobody tells: any release may be its own.
        (["key-of-three"], None),
        (["lt-1", "nothing-known"], None),
        # All environments of the application bake from it.
        (["ami-9"], None),
    ],
)
def test_whose_leases_must_be_known(ids: list[str], groups: set[str] | None) -> None:
    assert groups_to_ask(FACTS, [about(one) for one in ids], OWN) == groups


def test_what_does_not_tell_its_target_group_concerns_all() -> None:
    concerned = concerns(OWN, FACTS)
    assert concerned(about("lt-1"))
    assert concerned(about("key-of-two"))
    assert not concerned(about("sg-2"))
    assert not concerned(about("lt-1", "sg-2"))
