"""Releases for x86-64 and arm64: two images of one commit, and servers of both in one fleet."""

from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.account import own_images, tags_of
from tests.reliability.host import eventually
from tests.reliability.load import Load
from tests.reliability.world import World, without_release_only

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

FLEET, GROUP = "spot-fleet", "auto-scaling"
KINDS = {"x86_64", "arm64"}
VARIANT = "both"


def asked(launcher: str = FLEET, **more: Any) -> dict[str, Any]:
    return {
        "infra": {"other_base_image": "rails-arm*"},
        "build": {"other_instance_types": ["t4g.small"]},
        "fleet": {"instance_types": ["t3.micro", "t4g.micro"], "launcher": launcher},
        **more,
    }


@pytest.fixture(scope="module", autouse=True)
def _arm(started: World) -> None:
    started.account.base_image("rails-arm", "arm64", "t4g.small")


@pytest.fixture
def load(world: World) -> Iterator[Load]:
    with Load(world.box.load_balancer("website")) as load:
        yield load


def images(world: World, image: str) -> dict[str, dict[str, Any]]:
    """That the release of this one has baked, by architecture."""
    found = own_images(world.account.ec2)
    releases = {one["ImageId"]: tags_of(one).get("spotkiln:release") for one in found}
    mine = [one for one in found if tags_of(one).get("spotkiln:release") == releases.get(image)]
    assert len({one["Architecture"] for one in mine}) == len(mine), mine
    return {one["Architecture"]: one for one in mine}


def serving(world: World, fleet: str) -> dict[str, str]:
    """The architectures of a fleet's servers, and which image each was launched from."""
    found = world.account.instances(fleet)
    return {one["Architecture"]: one["ImageId"] for one in found}


def require_whole(world: World, result: dict[str, Any]) -> None:
    """It serves, and nothing is left."""
    assert result["outcome"] == "released", result
    truth = world.settled()
    assert (truth.problems(), truth.fleet) == ([], result["fleet"])


def test_one_fleet_has_servers_of_both_and_either_can_serve_alone(world: World, load: Load) -> None:
    first = world.release("v1", VARIANT, **asked())
    require_whole(world, first)
    made = images(world, first["image"])
    assert made.keys() == KINDS
    assert {tags_of(one)["spotkiln:state"] for one in made.values()} == {"tested"}
    assert made["arm64"]["Name"] == f"{made['x86_64']['Name']}/arm64"
    assert first["image"] == made["x86_64"]["ImageId"]
    own = {kind: one["ImageId"] for kind, one in made.items()}
    assert serving(world, first["fleet"]).items() <= own.items()
    templates = world.account.ec2.describe_launch_templates()["LaunchTemplates"]
    assert len([one for one in templates if one["LaunchTemplateName"].endswith("-arm64")]) == 1
    load.take_failures()
    again = world.release("v1", VARIANT, **asked(force=False))
    assert again["outcome"] == "unchanged", again

    # From one launcher to the other, each time without room for one of the two.
    for launcher, full, left in ((GROUP, "t3.micro", "arm64"), (FLEET, "t4g.micro", "x86_64")):
        world.box.capacity(0, instance_type=full)
        try:
            following = world.release("v1", VARIANT, **asked(launcher))
        finally:
            world.box.clear_capacity()
        require_whole(world, following)
        assert following["image"] == first["image"]
        assert serving(world, following["fleet"]) == {left: own[left]}

    # A version is both: a rollback launches both again, and pruning takes both.
    newer = world.release("v2", VARIANT, **asked(keep_versions=1))
    require_whole(world, newer)
    there = {one["ImageId"] for one in own_images(world.account.ec2)}
    assert there.isdisjoint(own.values())
    assert images(world, newer["image"]).keys() == KINDS
    world.box.capacity(0, instance_type="t3.micro")
    back = without_release_only(world.parameters("v2", VARIANT, **asked(version="current")))
    try:
        rolled = world.zygote.start("rollback", back).result()
    finally:
        world.box.clear_capacity()
    require_whole(world, rolled)
    assert serving(world, rolled["fleet"]).keys() == {"arm64"}
    assert load.take_failures() == []


def test_what_is_sick_or_killed_leaves_neither(world: World) -> None:
    before = {one["ImageId"] for one in own_images(world.account.ec2)}
    serves = world.settled().fleet
    sick = world.release("sick", VARIANT, **asked())
    assert "ImageRejected" in sick["error"], sick
    assert (world.settled().problems(), world.settled().fleet) == ([], serves)
    assert {one["ImageId"] for one in own_images(world.account.ec2)} == before

    process = world.start("v1", "killed", **asked())
    both = [{"Name": "key-name", "Values": ["spotkiln-builder-*"]}]
    eventually(
        lambda: len(world.account.ec2.describe_key_pairs(Filters=both)["KeyPairs"]) == 2,
        timeout=60,
        what="two builders at the same time",
    )
    process.kill(packer_too=True)
    world.report_crashed(process)
    world.reconcile()
    assert (world.settled().problems(), world.settled().fleet) == ([], serves)
    assert {one["ImageId"] for one in own_images(world.account.ec2)} == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"build": {}}, "of t3.small none runs arm64: add one that does to build.other_"),
        ({"infra": {"other_base_image": "rails-base*"}}, "are both for x86_64"),
    ],
)
def test_what_does_not_fit_together_is_told_before_anything_is_made(
    world: World, changes: dict[str, Any], told: str
) -> None:
    refused = world.release("v1", VARIANT, **asked(**changes))
    assert told in refused["error"], refused
    assert world.look_once_quiet().problems() == []
