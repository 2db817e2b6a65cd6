"""Releases that succeed, seen from outside: AWS's record of calls and what Prefect shows."""

import re
from typing import Any, NamedTuple

import pytest

from rehearsal.account import tags_of
from tests.release.pages import artifacts, last_row, page
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


def numbers(calls: list[dict[str, Any]], *operations: str) -> list[int]:
    """Of the calls to these operations that succeeded."""
    return [x["n"] for x in calls if x["operation"] in operations and not x["error"]]


class Two(NamedTuple):
    """v1 on whatever served, and v2 in its place: what came of them, and what was seen then."""

    first: dict[str, Any]
    second: dict[str, Any]
    calls: list[dict[str, Any]]
    page: str
    row: dict[str, Any]


@pytest.fixture(scope="module")
def two(started: World) -> Two:
    world = started
    first = world.release("v1", "one")
    assert first["outcome"] == "released", first
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == first["fleet"]
    every_resource_says_whose_it_is(world, first)

    world.box.clear_calls()
    second = world.release("v2", "one")
    assert second["outcome"] == "released", second
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == second["fleet"]
    assert truth.image == second["image"]
    text = page(world, "release-demo-web-app")
    return Two(first, second, world.box.calls(), text, last_row(world))


def every_resource_says_whose_it_is(world: World, made: dict[str, Any]) -> None:
    wanted = {"spotkiln:app", "spotkiln:release", "spotkiln:run", "spotkiln:commit"}
    ec2 = world.account.ec2
    image = ec2.describe_images(ImageIds=[made["image"]])["Images"][0]
    marks = tags_of(image)
    assert wanted | {"spotkiln:recipe", "spotkiln:inputs", "spotkiln:released"} <= set(marks)
    assert marks["spotkiln:state"] == "tested"
    assert image["ImdsSupport"] == "v2.0"
    [fleet] = world.account.serving()
    found = tags_of(fleet)
    assert wanted | {"spotkiln:phase", "spotkiln:image"} <= set(found)
    # Released is when it was promoted, and not when its run began: an approval may take two days.
    promoted = found["spotkiln:promoted"]
    assert marks["spotkiln:released"] == marks["spotkiln:served/website"] == promoted
    for instance in world.account.instances(made["fleet"]):
        assert wanted <= set(tags_of(instance))
        assert instance["MetadataOptions"]["HttpTokens"] == "required"


def test_the_old_fleet_is_replaced_in_the_order_that_loses_nothing(two: Two) -> None:
    # It is not touched before the new one was promoted.
    [promoted] = [
        x["n"]
        for x in two.calls
        if x["operation"] == "CreateTags"
        and {"Key": "spotkiln:phase", "Value": "serving"} in x["parameters"]["Tags"]
    ]
    touching = numbers(
        two.calls, "CancelSpotFleetRequests", "DeregisterTargets", "ModifySpotFleetRequest"
    )
    assert touching
    assert min(touching) > promoted
    # And then in that order.
    [cancelled] = numbers(two.calls, "CancelSpotFleetRequests")
    [deregistered] = numbers(two.calls, "DeregisterTargets")
    terminated = max(
        x["n"]
        for x in two.calls
        if x["operation"] == "TerminateInstances" and "Packer" not in x["agent"]
    )
    assert cancelled < deregistered < terminated


def test_the_page_tells_what_was_made_kept_and_destroyed(world: World, two: Two) -> None:
    made, text = two.second, two.page
    assert "# demo-web-app: released" in text
    assert made["image"] in text
    assert made["fleet"] in text
    assert "0 failed" in text
    for name in ("bake", "test", "launch", "gate", "retire"):
        assert re.search(rf"\b{name} \d+\.\d s", text)
    assert "nothing is left behind" in text
    assert two.row["outcome"] == "released"
    # The gate's progress was visible.
    assert any(x["type"] == "progress" and x["data"] == 100 for x in artifacts(world, ""))


def test_everything_is_kept_with_a_reason_or_destroyed(two: Two) -> None:
    made, told = two.second, two.page
    assert "things that it made in AWS nothing is left behind" in told
    kept, _, gone = told.partition("These stay: ")[2].partition("These are gone again: ")
    assert f"spot-fleet-request `{made['fleet']}` (serves)" in kept
    assert f"image `{made['image']}` (a version to go back to)" in kept
    for kind in ("security-group", "key-pair", "instance"):
        assert re.search(rf"[0-9] {kind}s?[,.]", gone), kind
    for kind in ("launch-template", "snapshot"):
        assert re.search(rf"\b{kind} `[a-z]+-\w+` \((?:part )?of ", kept), kind
    # What is alike is counted.
    for kind in ("instance", "volume"):
        assert f"2 {kind}s (part of {made['fleet']})" in kept, kept


def test_the_same_again_is_unchanged_forced_it_is_not_and_otherwise_it_is_another(
    world: World,
) -> None:
    made = world.release("v1", "again")
    assert made["outcome"] == "released"
    world.box.clear_calls()
    again = world.release("v1", "again", force=False)
    assert again == {**made, "outcome": "unchanged"}
    done = numbers(
        world.box.calls(), "RunInstances", "CreateImage", "RequestSpotFleet", "CreateTags"
    )
    assert done == []

    # Another variable is another image, and the run says so.
    run = world.start("v1", "again too")
    assert run.result()["outcome"] == "released"
    assert "these inputs differ: variables" in run.log()

    # The image that is there is taken.
    world.box.clear_calls()
    forced = world.release("v1", "again too", force=True)
    assert forced["outcome"] == "released"
    assert forced["image"] == run.result()["image"]
    assert forced["fleet"] != run.result()["fleet"]
    assert numbers(world.box.calls(), "CreateImage") == []

    # Another capacity is another release of the same image.
    more = world.release("v1", "again too", force=False, fleet={"capacity": 3})
    assert more["outcome"] == "released"
    assert more["image"] == forced["image"]
    truth = world.settled()
    assert truth.problems() == []
    assert truth.capacity == 3

    # One that is gone is baked again.
    world.account.ec2.deregister_image(ImageId=made["image"])
    anew = world.release("v1", "again")
    assert anew["outcome"] == "released"
    assert anew["image"] != made["image"]
    for snapshot in world.box.inventory()["snapshots"]["ids"]:
        description = world.account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
        if made["image"] in description["Description"]:
            world.account.ec2.delete_snapshot(SnapshotId=snapshot)

    # Old versions are pruned, but never one in use: of three or more two are kept.
    every = world.account.released_images()
    kept = {x["ImageId"] for x in every if "spotkiln:served/website" in tags_of(x)}
    assert kept == {anew["image"], more["image"]}
    assert world.settled().image == anew["image"]
