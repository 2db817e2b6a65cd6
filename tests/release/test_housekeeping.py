"""What cannot be cleared away stands in nobody's way, and is told."""

from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.account import own_images, tags_of
from spotkiln.bake.image_name import image_name
from tests.look_alikes import CANDIDATE, DEAD
from tests.release.pages import artifacts, page
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


@pytest.fixture
def serving(world: World) -> str:
    """A fleet that serves; its id."""
    truth = world.settled()
    if not truth.fleet or truth.problems():
        assert world.release("v1", "serving")["outcome"] == "released"
    return world.account.look().fleet


def left_image(world: World) -> str:
    """A candidate of a release that is long dead."""
    ec2 = world.account.ec2
    source = own_images(ec2)[0]["ImageId"]
    machine = ec2.run_instances(ImageId=source, MinCount=1, MaxCount=1)["Instances"][0][
        "InstanceId"
    ]
    quick: Any = {"Delay": 0.2, "MaxAttempts": 300}
    ec2.get_waiter("instance_running").wait(InstanceIds=[machine], WaiterConfig=quick)
    marks = [{"Key": key, "Value": value} for key, value in CANDIDATE.items()]
    image = ec2.create_image(
        InstanceId=machine,
        Name=image_name("demo-web-app", "dead" * 10, DEAD),
        TagSpecifications=[{"ResourceType": kind, "Tags": marks} for kind in ("image", "snapshot")],
    )["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=quick)
    ec2.terminate_instances(InstanceIds=[machine])
    return str(image)


@pytest.fixture
def protected(world: World, serving: str) -> Iterator[str]:
    """A candidate that nobody owns and nobody can discard; afterwards it goes."""
    del serving
    image = left_image(world)
    world.account.ec2.enable_image_deregistration_protection(ImageId=image)
    yield image
    world.account.ec2.disable_image_deregistration_protection(ImageId=image)
    # Whoever has mended it need not wait for the next try.
    world.account.ec2.delete_tags(Resources=[image], Tags=[{"Key": "spotkiln:put-off"}])
    result = world.reconcile()
    assert any(image in one for one in result["actions"]), result
    assert world.settled().problems() == []


def test_a_protected_image_is_told_once_and_stops_no_release_and_no_rollback(
    world: World, protected: str
) -> None:
    # Reconcile tells it once and does not fail.
    first = world.zygote.start("reconcile", {})
    assert any(protected in one for one in first.result()["put_off"]), first.result()
    warned = [line for line in first.log().splitlines() if "WARNING" in line]
    assert any(protected in line for line in warned), first.log()
    told = page(world, "reconcile-")
    assert f"discard image {protected}: not possible since" in told
    second = world.zygote.start("reconcile", {})
    assert any(protected in one for one in second.result()["put_off"]), second.result()
    assert not [
        line for line in second.log().splitlines() if "WARNING" in line and protected in line
    ]
    assert sum(one["data"] == told for one in artifacts(world, "reconcile-")) == 1

    # As if nobody had tried: a release does, before it bakes.
    world.account.ec2.delete_tags(Resources=[protected], Tags=[{"Key": "spotkiln:put-off"}])
    released = world.release("v2", "beside a protected one")
    assert released["outcome"] == "released", released
    tags = tags_of(world.account.ec2.describe_images(ImageIds=[protected])["Images"][0])
    assert "DeregisterImage" in tags["spotkiln:put-off"]
    rolled_back = world.play("rollback", "v2").result()
    assert rolled_back["outcome"] == "released", rolled_back


def test_a_version_that_cannot_be_pruned_leaves_the_release_green(
    world: World, serving: str
) -> None:
    del serving
    old = world.account.look().image
    ec2 = world.account.ec2
    ec2.enable_image_deregistration_protection(ImageId=old)
    released = world.release("v2", "prunes", keep_versions=1)
    assert released["outcome"] == "released", released
    assert "put-off" in str(tags_of(ec2.describe_images(ImageIds=[old])["Images"][0]))
    ec2.disable_image_deregistration_protection(ImageId=old)
    assert world.settled().problems() == []


def test_a_loss_in_the_first_try_of_a_compensation_is_not_hidden_by_the_second(
    world: World, serving: str
) -> None:
    """While the new fleet is undone, somebody cancels the one that serves."""
    fault = world.box.fault("CancelSpotFleetRequests", "pause", agent="spotkiln/")
    process = world.start("sick", "loss")
    world.box.wait_paused(fault, 90)
    world.account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=[serving], TerminateInstances=False
    )
    world.box.release(fault)
    assert "error" in process.result()
    assert "could not cancel fleet: what serves changed while" in process.log()
    assert process.log().count("what serves changed") >= 3
    # The next release takes what somebody cancelled away.
    assert world.release("v1", "after the loss")["outcome"] == "released"
    assert world.settled().problems() == []
