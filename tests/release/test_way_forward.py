"""Releases that succeed, seen from outside: AWS's record of calls and what Prefect shows."""

import re

import pytest

from rehearsal.account import tags_of
from tests.release.pages import artifacts, last_row, page
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


def calls(world: World, *operations: str) -> list[int]:
    """Numbers of the calls to these operations that succeeded."""
    return [x["n"] for x in world.box.calls() if x["operation"] in operations and not x["error"]]


def test_released_on_whatever_serves_and_then_replaced(world: World) -> None:
    first = world.release("v1", "one")
    assert first["outcome"] == "released", first
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == first["fleet"]

    world.box.clear_calls()
    second = world.release("v2", "one")
    assert second["outcome"] == "released", second
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == second["fleet"]
    assert truth.image == second["image"]

    # The old fleet is not touched before the new one was promoted.
    [promoted] = [
        x["n"]
        for x in world.box.calls()
        if x["operation"] == "CreateTags"
        and {"Key": "spotkiln:phase", "Value": "serving"} in x["parameters"]["Tags"]
    ]
    touching = calls(
        world, "CancelSpotFleetRequests", "DeregisterTargets", "ModifySpotFleetRequest"
    )
    assert touching
    assert min(touching) > promoted
    # And then in the order that loses nothing.
    [cancelled] = calls(world, "CancelSpotFleetRequests")
    [deregistered] = calls(world, "DeregisterTargets")
    terminated = max(
        x["n"]
        for x in world.box.calls()
        if x["operation"] == "TerminateInstances" and "Packer" not in x["agent"]
    )
    assert cancelled < deregistered < terminated


def test_every_resource_says_whose_it_is(world: World) -> None:
    made = world.release("v1", "tags")
    wanted = {"spotkiln:app", "spotkiln:release", "spotkiln:run", "spotkiln:commit"}
    ec2 = world.account.ec2
    image = ec2.describe_images(ImageIds=[made["image"]])["Images"][0]
    marks = tags_of(image)
    assert wanted | {"spotkiln:recipe", "spotkiln:inputs", "spotkiln:released"} <= set(marks)
    assert marks["spotkiln:state"] == "tested"
    assert image["ImdsSupport"] == "v2.0"
    fleet = world.account.fleets()[0]
    assert wanted | {"spotkiln:phase", "spotkiln:image"} <= set(tags_of(fleet))
    for instance in world.account.instances(made["fleet"]):
        assert wanted <= set(tags_of(instance))
        assert instance["MetadataOptions"]["HttpTokens"] == "required"


def test_the_same_again_is_unchanged_and_forced_it_is_not(world: World) -> None:
    made = world.release("v1", "again")
    assert made["outcome"] == "released"
    world.box.clear_calls()
    again = world.release("v1", "again", force=False)
    assert again == {**made, "outcome": "unchanged"}
    assert calls(world, "RunInstances", "CreateImage", "RequestSpotFleet", "CreateTags") == []

    forced = world.release("v1", "again", force=True)
    assert forced["outcome"] == "released"
    assert forced["image"] == made["image"]
    assert forced["fleet"] != made["fleet"]
    assert calls(world, "CreateImage") == []


def test_another_capacity_is_another_release_of_the_same_image(world: World) -> None:
    made = world.release("v1", "capacity")
    more = world.release("v1", "capacity", force=False, fleet={"capacity": 3})
    assert more["outcome"] == "released"
    assert more["image"] == made["image"]
    truth = world.settled()
    assert truth.problems() == []
    assert truth.capacity == 3


def test_an_image_that_is_gone_is_baked_again(world: World) -> None:
    made = world.release("v1", "gone")
    world.release("v2", "gone")
    world.account.ec2.deregister_image(ImageId=made["image"])
    again = world.release("v1", "gone")
    assert again["outcome"] == "released"
    assert again["image"] != made["image"]
    for snapshot in world.box.inventory()["snapshots"]["ids"]:
        description = world.account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
        if made["image"] in description["Description"]:
            world.account.ec2.delete_snapshot(SnapshotId=snapshot)


def test_the_page_tells_what_was_made_kept_and_destroyed(world: World) -> None:
    made = world.release("v2", "page")
    text = page(world, "release-demo-web-app")
    assert "# demo-web-app: released" in text
    assert made["image"] in text
    assert made["fleet"] in text
    assert "0 failed" in text
    for name in ("bake", "test", "launch", "gate", "retire"):
        assert re.search(rf"\b{name} \d+\.\d s", text)
    assert "nothing is left behind" in text
    assert last_row(world)["outcome"] == "released"
    # The gate's progress was visible.
    assert any(x["type"] == "progress" and x["data"] == 100 for x in all_artifacts(world))


def all_artifacts(world: World) -> list[dict[str, object]]:
    answer = world.api.post("/artifacts/filter", json={"sort": "CREATED_DESC"})
    return list(answer.json())


def test_the_run_says_which_input_made_it_bake(world: World) -> None:
    world.release("v1", "inputs")
    run = world.start("v1", "inputs too")
    assert run.result()["outcome"] == "released"
    assert "these inputs differ: variables" in run.log()


def test_old_versions_are_pruned_but_never_one_in_use(world: World) -> None:
    for number in range(4):
        world.release("v1", f"prune {number}")
    every = world.account.released_images()
    kept = [x["ImageId"] for x in every if "spotkiln:served/website" in tags_of(x)]
    assert len(kept) == 2
    assert world.settled().image in kept
    assert artifacts(world, "release-")
