"""What goes when an application leaves a target group, and what stays."""

from datetime import timedelta

import pytest

from spotkiln import tags as t
from spotkiln.aws.keep.takedown import end_versions
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.image_name import layer_name
from spotkiln.errors import InputError
from spotkiln.keep.action import Verb
from spotkiln.keep.facts import Facts
from spotkiln.keep.reconcile import decide
from spotkiln.keep.takedown import Begun, Old, Takedown, leaving, let_go, still_open
from spotkiln.serve.fleet import Phase
from tests.unit import leftovers, nouns
from tests.unit.keep.leavings import Clock, Leavings
from tests.unit.nouns import GROUP, OTHER_GROUP, START

HOUR = timedelta(hours=1)
NAME = nouns.target_group().name
SINCE = "2024-05-01T11:00:00.000+00:00"
LATER = "2024-05-01T13:30:00.000+00:00"
TAKEDOWN = Takedown(
    app="demo-web-app",
    release="demo-web-app-ffffffffffff",
    run="run-9",
    began=START + HOUR,
    versions=Old.DISCARD,
)


def version(name: str, **marks: str) -> Image:
    """`marks` by the last part of their tags' names: served_website is served/website."""
    tags = {f"{t.PREFIX}{key.replace('_', '/')}": value for key, value in marks.items()}
    return nouns.image(name).with_tags(**tags)


def test_the_tag_is_read_as_it_was_written() -> None:
    assert Takedown.from_tag(TAKEDOWN.to_tag()) == TAKEDOWN
    longest = TAKEDOWN.model_copy(update={"app": "a" * 32, "release": "a" * 45, "run": "r" * 36})
    assert len(longest.to_tag()) <= t.MOST_CHARACTERS
    for text in ("", "demo x y", TAKEDOWN.to_tag().replace("discard", "burn"), "a b c d keep"):
        assert Takedown.from_tag(text) is None


def test_only_its_own_fleets_go_that_were_there_when_it_began() -> None:
    own = nouns.fleet("sfr-1")
    others = (
        nouns.fleet("sfr-2", phase=None),
        nouns.fleet("sfr-3", target_groups=(OTHER_GROUP,)),
        nouns.fleet("sfr-4", state="cancelled"),
        # The application is back already.
        nouns.fleet("sfr-5", created=START + 2 * HOUR),
        nouns.fleet("sfr-6", tags={**own.tags, t.APP: "other"}),
    )
    retiring = nouns.fleet("sfr-7", phase=Phase.RETIRING)
    assert leaving((own, *others, retiring), GROUP, TAKEDOWN) == [own, retiring]


def test_a_fleet_of_two_target_groups_is_not_taken_from_the_other() -> None:
    both = nouns.fleet("sfr-1", target_groups=(GROUP, OTHER_GROUP))
    with pytest.raises(InputError, match="sfr-1 serves several target groups: other, website"):
        leaving([both], GROUP, TAKEDOWN)


def test_what_others_need_only_forgets() -> None:
    only = version("ami-1", served_website=SINCE)
    shared = version("ami-2", served_website=SINCE, served_other=SINCE)
    used = version("ami-3", served_website=SINCE)
    kept = version("ami-4", served_website=SINCE, keep="rejected")
    new = version("ami-5", served_website=LATER)
    elsewhere = version("ami-6", served_other=SINCE)
    found = let_go([only, shared, used, kept, new, elsewhere], "website", {"ami-3"}, TAKEDOWN.began)
    assert found.discard == (only,)
    assert found.forget == (shared, used, kept)


def test_a_version_that_is_kept_says_until_when_it_served() -> None:
    serving = version("ami-1", served_website=SINCE)
    ended = version("ami-2", served_website=f"{SINCE} {SINCE}")
    assert still_open([serving, ended], "website", TAKEDOWN.began) == {
        "ami-1": f"{SINCE} 2024-05-01T13:00:00.000+00:00"
    }


def test_reconcile_goes_on_with_what_nobody_is_at() -> None:
    begun = Begun(takedown=TAKEDOWN, target_group=GROUP)
    facts = Facts(takedowns=(begun,))
    (action,) = decide(facts)
    assert (action.verb, action.target_group) == (Verb.TAKE_DOWN, GROUP)
    assert action.why == "demo-web-app leaves website, and run run-9 has ended"
    assert decide(facts, "website") == [action]
    assert decide(facts, "other") == []
    assert decide(facts.model_copy(update={"living": frozenset({TAKEDOWN.release})})) == []


def test_what_was_retired_and_could_not_go_is_tried_again() -> None:
    """Though its fleet, which has served, is still told of."""
    image = leftovers.image("ami-1", "old", ImageState.RETIRED, released="2024-04-01")
    fleet = nouns.fleet("sfr-1", phase=Phase.RETIRING, state="cancelled")
    fleet = fleet.model_copy(update={"tags": {**fleet.tags, t.IMAGE: "ami-1"}})
    (action,) = decide(Facts(images=(image,), fleets=(fleet,)))
    assert (action.verb, action.ids) == (Verb.DISCARD_IMAGE, ("ami-1",))
    tested = leftovers.image("ami-1", "old", ImageState.TESTED, released="2024-04-01")
    assert decide(Facts(images=(tested,), fleets=(fleet,))) == []


def left(*, beside: dict[str, str]) -> list[str]:
    """What is there after the versions of one target group were discarded. `beside`: the tags of
    another image of the application, if there is one."""
    account = Leavings()
    account.bake("ami-1", **{f"served/{NAME}": SINCE}, release="demo-web-app-000000000001")
    layer = account.bake("ami-layer", layer="demo-web-app", release="layer-0000000000aa")
    layer.name = layer_name("demo-web-app", "layer-0000000000aa")
    del layer.tags[t.APP]
    if beside:
        account.bake("ami-2", **beside, release="demo-web-app-000000000002")
    end_versions(
        account.aws(), nouns.target_group(), TAKEDOWN, clock=Clock(account), say=account.say
    )
    return sorted(account.amis)


def test_the_layers_of_dependencies_go_with_the_last_image() -> None:
    assert left(beside={}) == []
    assert left(beside={"served/other": SINCE}) == ["ami-2", "ami-layer"]
