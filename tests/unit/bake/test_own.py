"""What is ours, and what only looks like it."""

import pytest

from spotkiln import tags as t
from spotkiln.bake.image_name import image_name
from spotkiln.bake.own import (
    LeftAlone,
    builder_name,
    inherited_images,
    is_builder,
    made_for,
    not_a_builder,
    template_is_ours,
    untagged_builder,
    with_fleets,
)
from spotkiln.target import Instance
from tests.unit import nouns
from tests.unit.nouns import COMMIT, RELEASE, TAGS

COPY = {**TAGS, t.COPIED_FROM: "eu-west-1/ami-0b2"}


def builder(**changes: object) -> Instance:
    marks = {**TAGS, t.ROLE: "builder"}
    given = {"tags": marks, "key": builder_name(RELEASE), **changes}
    return nouns.instance("i-1", **given)  # type: ignore[arg-type]


def test_a_builder_is_known_by_role_key_and_launch() -> None:
    assert is_builder(builder())
    assert is_builder(builder(tags={**TAGS, t.ROLE: "tester"}))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tags": TAGS}, "spotkiln:role is not there"),
        ({"tags": {**TAGS, t.ROLE: "server"}}, "spotkiln:role is server"),
        ({"key": ""}, "key pair is none"),
        ({"key": "demo"}, "key pair is demo"),
        ({"key": builder_name("other-0123456789ab")}, "key pair is spotkiln-builder-other"),
        ({"requester": "226008221399"}, "226008221399 launched it"),
        (
            {"tags": {**TAGS, t.ROLE: "builder", "aws:autoscaling:groupName": "x"}},
            "aws:autoscaling:groupName",
        ),
    ],
)
def test_what_is_no_builder_and_why(changes: dict[str, object], why: str) -> None:
    one = builder(**changes)
    assert not is_builder(one)
    assert why in not_a_builder(one)


LAUNCHED_BY_FLEET = {"aws:ec2:fleet-id": "fleet-1", "aws:ec2launchtemplate:id": "lt-1"}


def test_a_spot_builder_is_launched_by_the_fleet_that_packer_asks_for() -> None:
    marks = {**TAGS, t.ROLE: "builder", **LAUNCHED_BY_FLEET}
    spot = builder(spot=True, requester="226008221399", tags=marks)
    assert is_builder(spot)
    # An On-Demand one of somebody's fleet, one of Spot Fleet's, one with another key.
    assert not is_builder(spot.model_copy(update={"spot": False}))
    others = {**marks, "aws:ec2spot:fleet-request-id": "sfr-1"}
    assert not is_builder(spot.model_copy(update={"tags": others}))
    assert not is_builder(spot.model_copy(update={"key": "demo"}))


def test_a_spot_builder_that_nobody_has_tagged_is_known_by_its_key() -> None:
    spot = builder(spot=True, tags=LAUNCHED_BY_FLEET)
    assert untagged_builder(spot, RELEASE)
    assert not untagged_builder(spot, "other-0123456789ab")
    assert not untagged_builder(builder(tags=LAUNCHED_BY_FLEET), RELEASE)
    assert not untagged_builder(builder(spot=True, tags={}), RELEASE)


def test_a_fleets_member_is_no_builder() -> None:
    assert not is_builder(builder(fleet="sfr-1"))


@pytest.mark.parametrize(
    ("description", "tags", "image"),
    [
        ("Created by CreateImage(i-0a1) for ami-0b2", {}, "ami-0b2"),
        ("Created by CreateImage(i-0a1) for ami-0b2 from vol-0c3", {}, "ami-0b2"),
        ("Created by CreateImage(i-0a1) for ami-0b2", {"aws:dlm:lifecycle-policy-id": "p"}, ""),
        ("Created by CreateImage(i-0a1) for ami-0b2", {"aws:backup:source-resource": "i"}, ""),
        ("Created by CreateImage(i-0a1) for ami-0b2", {"dlm:managed": "true"}, ""),
        (
            "Copied for DestinationAmi ami-0c3 from SourceAmi ami-0b2 for SourceSnapshot snap-0d4.",
            {},
            "",
        ),
        # A release's own copy; a copy of that one carries its tags, and EC2 names another source.
        (
            "Copied for DestinationAmi ami-0c3 from SourceAmi ami-0b2 for SourceSnapshot snap-0d4.",
            {t.COPIED_FROM: "eu-west-1/ami-0b2"},
            "ami-0c3",
        ),
        (
            "Copied for DestinationAmi ami-0e5 from SourceAmi ami-0c3 for SourceSnapshot snap-0d4.",
            {t.COPIED_FROM: "eu-west-1/ami-0b2"},
            "",
        ),
        ("[Copied snap-1 from eu-west-1] Created by CreateImage(i-0a1) for ami-0b2", {}, ""),
        ("Created for policy: policy-1 schedule: for ami-0b2", {}, ""),
        ("", {}, ""),
    ],
)
def test_which_image_a_snapshot_was_made_for(
    description: str, tags: dict[str, str], image: str
) -> None:
    assert made_for(description, tags) == image


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({}, True),
        ({"tags": {}}, True),  # killed before it was tagged
        ({"copied_from": "eu-west-1/ami-0b2"}, False),
        # A release made the copy, and somebody a copy of that one.
        ({"copied_from": "eu-west-1/ami-0b2", "tags": COPY}, True),
        ({"copied_from": "eu-west-1/ami-0c3", "tags": COPY}, False),
        ({"copied_from": "eu-central-1/ami-0b2", "tags": COPY}, False),
        ({"name": "copy of it"}, False),
        ({"name": image_name("demo-web-app", COMMIT, "demo-web-app-ffffffffffff")}, False),
        ({"name": "AwsBackup_i-0a1_0b2"}, False),
    ],
)
def test_an_image_is_known_by_the_name_that_its_release_chose(
    changes: dict[str, object], ours: bool
) -> None:
    image = nouns.image().model_copy(update=changes)
    assert image.ours is ours
    told = inherited_images([image])
    assert [one.id for one in told] == ([] if ours else ["ami-1"])


def test_what_is_told_of_a_copy() -> None:
    (told,) = inherited_images([nouns.image().model_copy(update={"name": "a copy"})])
    assert str(told) == "image ami-1: a copy: no release chose its name 'a copy'"
    assert isinstance(told, LeftAlone)


def test_launch_templates_by_name() -> None:
    assert template_is_ours(f"spotkiln-{RELEASE}-0a1b2c3d", TAGS)
    assert not template_is_ours(f"spotkiln-{RELEASE}-0a1b2c3d-copy", TAGS)
    assert not template_is_ours("website", TAGS)
    assert not template_is_ours("spotkiln--0a1b2c3d", {})
    packers = "packer-fleet-launch-template-aB3dE5g"
    assert template_is_ours(packers, {**TAGS, t.ROLE: "tester"})
    assert not template_is_ours(packers, TAGS)
    assert not template_is_ours(packers, {t.ROLE: "tester"})
    assert not template_is_ours(f"{packers}-mine", {**TAGS, t.ROLE: "tester"})


def test_a_fleet_tells_its_members() -> None:
    tagged, told, other = (nouns.instance(f"i-{n}") for n in range(3))
    tagged = tagged.of("sfr-2")
    found = with_fleets([tagged, told, other], {"sfr-1": ["i-0", "i-1", "i-9"]})
    assert [one.fleet for one in found] == ["sfr-2", "sfr-1", ""]
