"""AWS's answers become our nouns; what is decided from them before AWS is asked again."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from spotkiln.aws.bake import image
from spotkiln.aws.serve import instance
from spotkiln.aws.serve.gate import with_health
from spotkiln.aws.serve.retire import still_held
from spotkiln.bake.image import Image, ImageState
from spotkiln.target import Health, Instance, Target
from tests.unit import nouns
from tests.unit.nouns import START

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        ImageTypeDef,
        InstanceTypeDef,
    )


INSTANCE: dict[str, Any] = {
    "InstanceId": "i-1",
    "InstanceType": "t3.micro",
    "ImageId": "ami-1",
    "LaunchTime": START,
    "PrivateIpAddress": "10.0.0.7",
    "Placement": {"AvailabilityZone": "eu-west-1a"},
    "InstanceLifecycle": "spot",
    "State": {"Name": "running", "Code": 16},
    "Tags": [{"Key": "aws:ec2spot:fleet-request-id", "Value": "sfr-1"}],
}


def from_instance(**changes: Any) -> Instance:
    answer: InstanceTypeDef = {**INSTANCE, **changes}  # type: ignore[typeddict-item]
    return instance.from_aws(answer)


def test_an_instance() -> None:
    assert from_instance() == Instance(
        id="i-1",
        state="running",
        type="t3.micro",
        zone="eu-west-1a",
        address="10.0.0.7",
        image="ami-1",
        spot=True,
        launched=START,
        tags={"aws:ec2spot:fleet-request-id": "sfr-1"},
    )


def test_an_instance_tells_why_it_ended_only_when_it_ended() -> None:
    reason = {"Code": "Server.SpotInstanceTermination", "Message": "..."}
    assert from_instance(StateReason=reason).lost_by == ""
    ended = from_instance(StateReason=reason, State={"Name": "shutting-down", "Code": 32})
    assert ended.lost_by == "Server.SpotInstanceTermination"
    assert ended.interrupted


def test_an_instance_of_nobody() -> None:
    bare = from_instance(Tags=[], InstanceLifecycle="scheduled")
    assert (bare.fleet, bare.spot, bare.tags) == ("", False, {})


def test_an_image() -> None:
    answer: ImageTypeDef = {
        "ImageId": "ami-1",
        "Name": "demo/1",
        "State": "available",
        "CreationDate": "2024-05-01T12:00:00.000Z",
        "Architecture": "arm64",
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-1"}},
            {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"},
            {"DeviceName": "/dev/xvdc", "Ebs": {"VolumeSize": 1}},
        ],
        "Tags": [{"Key": "spotkiln:state", "Value": "tested"}],
    }
    found = image.from_aws(answer, "eu-west-1")
    assert found == Image(
        id="ami-1",
        name="demo/1",
        region="eu-west-1",
        created=START,
        available=True,
        architecture="arm64",
        snapshots=("snap-1",),
        tags={"spotkiln:state": "tested"},
    )
    assert found.state is ImageState.TESTED


def test_an_image_under_way() -> None:
    found = image.from_aws({"ImageId": "ami-1", "State": "pending"}, "eu-west-1")
    assert (found.available, found.snapshots, found.name) == (False, (), "")
    assert found.created == datetime.fromtimestamp(0, UTC)


# Which targets are looked at.


def test_the_gate_sees_only_the_new_fleets_own() -> None:
    """Whatever else is registered in the target group is none of its business."""
    live = [nouns.instance("i-new"), nouns.instance("i-late", "pending")]
    registered = {
        "i-old": nouns.target("i-old", "unhealthy"),
        "i-new": nouns.target("i-new", "initial"),
        "i-foreign": nouns.target("i-foreign", "draining"),
    }
    assert with_health(live, {"website": registered}) == (
        Target(instance="i-new", health=Health.INITIAL),
        Target(instance="i-late", health=Health.UNREGISTERED),
    )
    assert with_health([], {"website": registered}) == ()


def test_draining_is_over_when_the_load_balancer_has_let_go() -> None:
    registered = {f"i-{health}": nouns.target(f"i-{health}", health) for health in Health}
    mine = {name for name in registered if name != "i-healthy"}
    assert [one.instance for one in still_held(registered, {*mine, "i-unknown"})] == [
        "i-draining",
        "i-initial",
        "i-unavailable",
        "i-unhealthy",
        "i-unhealthy.draining",
    ]
