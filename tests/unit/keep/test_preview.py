"""Previews: their names, how many there may be, and when one goes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from spotkiln import tags as t
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.served import text_of
from spotkiln.errors import InputError
from spotkiln.keep.action import Verb
from spotkiln.keep.facts import Facts
from spotkiln.keep.preview import (
    Preview,
    Template,
    Wanted,
    checked_branch,
    group_name,
    host_for,
    is_group,
    require_room,
    slug,
    taken_hosts,
    why_gone,
)
from spotkiln.keep.reconcile import decide
from spotkiln.serve.fleet import Fleet, Phase
from tests.unit.leftovers import fleet, image
from tests.unit.nouns import GROUP, START

TEMPLATE = Template(host="{branch}.preview.example.com")
ARN = GROUP.replace("website", "{}")
HOST = "feature-x.preview.example.com"


def tags(branch: str = "feature/x", app: str = "shop", host: str = HOST) -> t.Tags:
    wanted = Wanted(app=app, branch=branch, release=f"{app}-0123456789ab", run="run-1")
    return wanted.tags(host, START, 72)


def preview(branch: str = "feature/x", **changes: Any) -> Preview:
    found = Preview.from_tags(ARN.format(group_name("shop", branch)), tags(branch))
    assert found is not None
    return found.model_copy(update={"leases": (), **changes})


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("feature/login", "feature-login"),
        ("Fix_#12--now", "fix-12-now"),
        ("größe", "groe"),
        ("-x-", "x"),
        ("日本", ""),
    ],
)
def test_a_branch_becomes_part_of_a_host_name(branch: str, expected: str) -> None:
    assert slug(branch) == expected


def test_two_branches_never_have_one_host() -> None:
    first = host_for(TEMPLATE, "shop", "feature/a", set())
    assert first == "feature-a.preview.example.com"
    second = host_for(TEMPLATE, "shop", "feature-a", {first})
    assert second.startswith("feature-a-")
    assert second.endswith(".preview.example.com")
    # The same each time, whatever else is taken.
    assert second == host_for(TEMPLATE, "shop", "feature-a", {first, "other.example.com"})


@given(
    branch=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1),
    around=st.sampled_from(
        ["{branch}.p.example.com", "shop-{branch}-pr." + "x" * 40 + ".example.com"]
    ),
    taken=st.booleans(),
)
def test_any_branch_gets_a_host_that_a_rule_takes(branch: str, around: str, taken: bool) -> None:
    template = Template(host=around)
    host = host_for(template, "shop", branch, set())
    if taken:
        host = host_for(template, "shop", branch, {host})
    label = host.split(".")[0]
    assert len(host) <= 128
    assert 0 < len(label) <= 63
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not label.startswith("-")
    assert not label.endswith("-")


@pytest.mark.parametrize(
    "host",
    [
        "preview.example.com",
        "x.{branch}.example.com",
        "{branch}",
        "{branch}.example.c0m",
        "{Branch}.example.com",
        "{branch}.example.com/",
        "*.{branch}.example.com",
        "{branch}.EXAMPLE.com",
    ],
)
def test_a_host_name_has_the_branch_in_its_first_part(host: str) -> None:
    with pytest.raises(ValidationError, match="expected a host name whose first part has"):
        Template(host=host)


@pytest.mark.parametrize("app", ["shop", "a-b", "a" * 32, "abcdefghijklm-" + "x" * 10])
def test_a_target_groups_name_is_one_that_aws_takes(app: str) -> None:
    for number in range(50):
        name = group_name(app, f"branch-{number}")
        assert len(name) <= 32
        assert "--" not in name
        assert not name.endswith("-")
        assert is_group(name)
    assert not is_group("preview-shop")


@pytest.mark.parametrize("branch", ["feature/x", "fix#12", "größe", "a=b", "a%23b", "v1.2_3"])
def test_tags_tell_the_branch_again(branch: str) -> None:
    told = tags(branch)
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +-=._:/@")
    assert set("".join(told.values())) <= allowed
    found = Preview.from_tags(ARN.format(group_name("shop", branch)), told)
    assert found is not None
    assert (found.branch, found.host, found.app) == (branch, HOST, "shop")
    assert found.until - found.made == timedelta(hours=72)
    assert [one.release for one in found.leases] == ["shop-0123456789ab"]


def test_copied_tags_make_no_preview() -> None:
    assert Preview.from_tags(GROUP, tags()) is None
    assert Preview.from_tags(ARN.format(group_name("shop", "other")), tags()) is None
    broken = {**tags(), t.PREVIEW_UNTIL: "soon"}
    assert Preview.from_tags(ARN.format(group_name("shop", "feature/x")), broken) is None


@pytest.mark.parametrize("branch", ["", "a..b", "-x", "x" * 260, "#" * 90])
def test_what_is_no_branch_gets_none(branch: str) -> None:
    with pytest.raises(ValueError, match="branch"):
        checked_branch(branch)


SERVES = fleet("sfr-preview", Phase.SERVING, "shop-0123456789ab")


def serving(one: Preview, phase: Phase = Phase.SERVING) -> Any:
    return SERVES.model_copy(update={"target_groups": (one.arn,), "phase": phase})


LATER = START + timedelta(hours=71)
LATE = START + timedelta(hours=72)


def test_it_stays_while_it_serves_and_is_pushed_to() -> None:
    one = preview()
    assert why_gone(one, [serving(one)], (), LATER) == ""


def test_it_goes_when_nothing_was_pushed_for_long() -> None:
    one = preview()
    assert "nothing was pushed" in why_gone(one, [serving(one)], (), LATE)


@pytest.mark.parametrize("fleets", [[], [SERVES]])
def test_one_in_which_nothing_serves_goes(fleets: list[Any]) -> None:
    assert "nothing serves there" in why_gone(preview(), fleets, (), LATER)


def test_a_removal_that_was_begun_is_finished() -> None:
    one = preview(removed=True)
    assert why_gone(one, [serving(one)], (), LATER) == "its removal was not finished"


@pytest.mark.parametrize("changes", [{}, {"removed": True}, {"until": START}])
def test_nothing_is_taken_from_a_release_that_lives(changes: dict[str, Any]) -> None:
    leases = Preview.from_tags(ARN.format(group_name("shop", "feature/x")), tags()).leases  # type: ignore[union-attr]
    one = preview(leases=leases, **changes)
    assert why_gone(one, [], {"shop-0123456789ab"}, LATE) == ""
    assert why_gone(one, [], {"another"}, LATE) != ""


def test_reconcile_removes_it_and_a_release_elsewhere_does_not() -> None:
    one = preview()
    facts = Facts(previews=(one,), now=LATER)
    (action,) = decide(facts)
    assert (action.verb, action.ids, action.target_group) == (
        Verb.REMOVE_PREVIEW,
        (one.name,),
        one.arn,
    )
    assert decide(facts, "website") == []
    assert decide(facts, one.name) == [action]


def test_an_image_outlives_its_preview_for_a_day() -> None:
    """A merge is released while its branch is deleted, and may take the image."""
    served = f"{t.SERVED}{preview().name}"
    gone = {served: f"{text_of(START)} {text_of(LATER)}", t.PREVIEW_REMOVED: text_of(LATER)}
    maker = "shop-0123456789ab"
    own = image(f"ami-{maker}", maker, ImageState.TESTED, released="2024-05-01")
    own = own.model_copy(update={"tags": {**own.tags, **gone}})

    def goes(one: Image, after: timedelta, *fleets: Fleet) -> bool:
        facts = Facts(images=(one,), fleets=fleets, now=LATER + after)
        return [x.ids for x in decide(facts) if x.verb is Verb.DISCARD_IMAGE] == [(own.id,)]

    assert not goes(own, timedelta(hours=23))
    assert goes(own, timedelta(hours=24))
    assert goes(own, timedelta(days=9))
    assert not goes(own.with_tags(**{f"{t.SERVED}website": text_of(LATER)}), timedelta(days=9))
    assert not goes(own.with_tags(**{t.KEEP: "mine"}), timedelta(days=9))
    assert SERVES.image == own.id
    assert not goes(own, timedelta(days=9), SERVES)
    del own.tags[t.PREVIEW_REMOVED]
    assert not goes(own, timedelta(days=9))


def others(*branches: str) -> list[Preview]:
    return [preview(one) for one in branches]


def test_there_is_room_for_so_many() -> None:
    require_room("shop", others("a", "b"), 3, None)
    require_room("blog", others("a", "b", "c"), 3, None)
    require_room("shop", [preview("a"), preview("b", removed=True)], 2, None)
    with pytest.raises(InputError, match=r"may have 3 \(`preview.most`\): a, b, c"):
        require_room("shop", others("a", "b", "c"), 3, None)


def test_of_two_at_the_same_moment_one_gives_way() -> None:
    both = others("a", "b")
    first, second = sorted(both, key=lambda one: one.name)
    require_room("shop", both, 1, first)
    with pytest.raises(InputError, match="may have 1"):
        require_room("shop", both, 1, second)
    younger = first.model_copy(update={"made": LATER})
    with pytest.raises(InputError, match="may have 1"):
        require_room("shop", [younger, second], 1, younger)


def test_hosts_are_taken_by_rules_and_by_other_previews() -> None:
    """Its own is free for itself, whichever of the names comes first."""
    one, other = preview("a"), preview("b", host="b.preview.example.com")
    for own, taken in ((one, other), (other, one)):
        found = taken_hosts(["*.example.org"], [one, other], own.name)
        assert found == {"*.example.org", taken.host}


@pytest.mark.parametrize(
    ("host", "longest"),
    [
        ("{branch}.example.com", 63),
        ("shop-{branch}-pr.example.com", 55),
        # A rule takes 128 characters.
        ("{branch}." + "x" * 40 + "." + "y" * 41 + ".com", 128 - 87),
    ],
)
def test_a_branch_that_just_fits_is_its_host_and_a_longer_one_is_cut(
    host: str, longest: int
) -> None:
    template = Template(host=host)
    assert host_for(template, "shop", "x" * longest, ()) == host.replace("{branch}", "x" * longest)
    cut = host_for(template, "shop", "x" * (longest + 1), ())
    assert len(cut) == len(host.replace("{branch}", "x" * longest))
    assert re.match(host.replace("{branch}", "x+-[0-9a-f]{6}"), cut)


def test_a_preview_goes_however_late_somebody_looks() -> None:
    one = preview()
    assert "nothing was pushed" in why_gone(one, [serving(one)], (), LATE + timedelta(days=9))


def test_a_fleet_that_has_gone_or_was_never_promoted_serves_nothing() -> None:
    one = preview()
    pending = fleet("sfr-1", Phase.PENDING, "shop-1", target_groups=(one.arn,))
    gone = fleet("sfr-2", Phase.SERVING, "shop-2", target_groups=(one.arn,), state="cancelled")
    assert "nothing serves there" in why_gone(one, [pending, gone], (), LATER)


def test_more_than_there_may_be_is_too_many_and_others_do_not_count() -> None:
    """`most` may have been made smaller."""
    with pytest.raises(InputError, match="has 3 previews, and may have 1"):
        require_room("shop", others("a", "b", "c"), 1, None)
    require_room("zoo", others("a", "b", "c"), 1, None)


def test_the_longest_name_of_a_branch_is_one_that_a_tag_takes() -> None:
    assert checked_branch("x" * t.MOST_CHARACTERS) == "x" * t.MOST_CHARACTERS
    with pytest.raises(ValueError, match="too long for a preview"):
        checked_branch("x" * (t.MOST_CHARACTERS + 1))
