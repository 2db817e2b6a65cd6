"""Images and snapshots as the EC2 API shows them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused

pytestmark = pytest.mark.sandbox


@pytest.fixture
def stopped(box: Sandbox, account: Account) -> str:
    box.script(boot_seconds=1, stop_seconds=1, image_seconds=20)
    instance = account.run()
    account.until(instance, "running")
    account.ec2.stop_instances(InstanceIds=[instance])
    account.until(instance, "stopped")
    return instance


def available(account: Account, image: str) -> None:
    eventually(lambda: account.image(image)["State"] == "available", what=f"{image} available")


def test_an_image_is_pending_until_its_disk_is_there(account: Account, stopped: str) -> None:
    image = account.make_image(stopped)
    described = account.image(image)
    assert described["State"] == "pending"
    snapshot = described["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    found = account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert found["State"] == "pending"
    refused(account.run, "InvalidAMIID.Unavailable", image=image)
    available(account, image)
    found = account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert found["State"] == "completed"


def test_own_images_are_ebs_backed_and_can_be_launched(account: Account, stopped: str) -> None:
    image = account.make_image(stopped)
    available(account, image)
    described = account.image(image)
    assert described["RootDeviceType"] == "ebs"
    assert described["Public"] is False
    assert image in [
        one["ImageId"] for one in account.ec2.describe_images(Owners=["self"])["Images"]
    ]
    account.until(account.run(image), "running")


def test_tags_are_there_from_the_first_moment(account: Account, stopped: str) -> None:
    tags = [{"Key": "spotkiln:app", "Value": "demo"}]
    image = account.make_image(
        stopped,
        TagSpecifications=[
            {"ResourceType": "image", "Tags": tags},
            {"ResourceType": "snapshot", "Tags": tags},
        ],
    )
    described = account.image(image)
    assert described["State"] == "pending"
    assert described["Tags"] == tags
    snapshot = described["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    found = account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert found["Tags"] == tags
    by_tag = [{"Name": "tag:spotkiln:app", "Values": ["demo"]}]
    assert [one["ImageId"] for one in account.ec2.describe_images(Filters=by_tag)["Images"]] == [
        image
    ]


def test_a_name_is_used_once(account: Account, stopped: str) -> None:
    account.make_image(stopped, Name="demo 2026-01-01")
    message = refused(
        account.ec2.create_image,
        "InvalidAMIName.Duplicate",
        InstanceId=stopped,
        Name="demo 2026-01-01",
    )
    assert "already in use" in message
    refused(account.ec2.create_image, "InvalidAMIName.Malformed", InstanceId=stopped, Name="a:b")


def test_metadata_version_and_deprecation_are_set_afterwards(
    account: Account, stopped: str
) -> None:
    image = account.make_image(stopped)
    account.ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"})
    later = datetime.now(UTC) + timedelta(days=30)
    account.ec2.enable_image_deprecation(ImageId=image, DeprecateAt=later)
    described = account.image(image)
    assert described["ImdsSupport"] == "v2.0"
    assert described["DeprecationTime"].startswith(later.strftime("%Y-%m-%dT%H:%M"))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    refused(
        account.ec2.enable_image_deprecation,
        "InvalidParameterValue",
        ImageId=image,
        DeprecateAt=yesterday,
    )


def test_a_snapshot_outlives_its_image_and_not_the_other_way_round(
    account: Account, stopped: str, box: Sandbox
) -> None:
    image = account.make_image(stopped)
    available(account, image)
    snapshot = account.image(image)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    refused(account.ec2.delete_snapshot, "InvalidSnapshot.InUse", SnapshotId=snapshot)
    account.ec2.deregister_image(ImageId=image)
    assert snapshot in box.inventory()["snapshots"]["ids"]
    account.ec2.delete_snapshot(SnapshotId=snapshot)
    assert snapshot not in box.inventory()["snapshots"]["ids"]
    refused(account.ec2.describe_snapshots, "InvalidSnapshot.NotFound", SnapshotIds=[snapshot])


def test_snapshots_can_go_with_the_image(account: Account, stopped: str, box: Sandbox) -> None:
    image = account.make_image(stopped)
    answer = account.ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    assert [one["ReturnCode"] for one in answer["DeleteSnapshotResults"]] == ["success"]
    assert box.inventory()["snapshots"]["count"] == 0


def test_a_deregistered_image_is_empty_while_used_and_then_unknown(
    account: Account, stopped: str
) -> None:
    image = account.make_image(stopped)
    available(account, image)
    instance = account.run(image)
    account.until(instance, "running")
    account.ec2.deregister_image(ImageId=image)
    assert account.ec2.describe_images(ImageIds=[image])["Images"] == []
    refused(account.run, "InvalidAMIID.NotFound", image=image)
    refused(account.ec2.deregister_image, "InvalidAMIID.Unavailable", ImageId=image)
    account.ec2.terminate_instances(InstanceIds=[instance])
    account.until(instance, "terminated")
    refused(account.ec2.describe_images, "InvalidAMIID.NotFound", ImageIds=[image])


def test_others_images_cannot_be_changed(account: Account) -> None:
    refused(account.ec2.deregister_image, "AuthFailure", ImageId=account.debian)


def test_a_terminated_instance_gives_no_image(account: Account, stopped: str) -> None:
    account.ec2.terminate_instances(InstanceIds=[stopped])
    account.until(stopped, "terminated")
    refused(account.ec2.create_image, "IncorrectState", InstanceId=stopped, Name="too late")


def test_a_running_instance_is_rebooted_unless_told_not_to(account: Account, box: Sandbox) -> None:
    box.script(boot_seconds=1, serve_seconds=60, health=200)
    instance = account.run()
    account.until(instance, "running")

    def console() -> str:
        return str(account.ec2.get_console_output(InstanceId=instance, Latest=True)["Output"])

    eventually(lambda: "answer now: 200" in console(), what="the application serves")
    account.make_image(instance, NoReboot=True)
    assert "answer now: 200" in console()
    account.make_image(instance)
    assert "answer now: refused" in console()
    assert account.state(instance) == "running"


def test_an_image_and_its_snapshot_are_as_large_as_they_say(box: Sandbox, account: Account) -> None:
    box.script(boot_seconds=1, image_seconds=100)
    instance = account.run()
    account.until(instance, "running")
    image = account.make_image(instance)
    assert account.image(image)["State"] == "pending"
    wanted = [{"Name": "description", "Values": [f"*{image}*"]}]
    (snapshot,) = account.ec2.describe_snapshots(OwnerIds=["self"], Filters=wanted)["Snapshots"]
    assert (snapshot["Progress"], snapshot["VolumeSize"]) == ("0%", 8)
    eventually(lambda: account.image(image)["State"] == "available", what="the image")
    volume = account.image(image)["BlockDeviceMappings"][0]["Ebs"]
    assert volume["SnapshotId"] == snapshot["SnapshotId"]
    (snapshot,) = account.ec2.describe_snapshots(OwnerIds=["self"], Filters=wanted)["Snapshots"]
    assert snapshot["Progress"] == "100%"


def test_an_image_is_as_large_as_the_disk_it_is_made_of(box: Sandbox, account: Account) -> None:
    box.script(boot_seconds=1, image_seconds=1)

    def disk(image: str) -> tuple[int, str]:
        ebs = account.image(image)["BlockDeviceMappings"][0]["Ebs"]
        return ebs["VolumeSize"], ebs["VolumeType"]

    def root(**ebs: Any) -> list[dict[str, Any]]:
        return [{"DeviceName": "/dev/xvda", "Ebs": ebs}]

    instance = account.run(BlockDeviceMappings=root(VolumeSize=20, VolumeType="gp2"))
    account.until(instance, "running")
    image = account.make_image(instance)
    available(account, image)
    assert disk(image) == (20, "gp2")
    refused(
        account.ec2.run_instances,
        "InvalidBlockDeviceMapping",
        ImageId=image,
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        BlockDeviceMappings=root(VolumeSize=19),
    )
    # What a launch leaves open is as the image has it.
    more: list[dict[str, Any]] = [{}, {"BlockDeviceMappings": root(DeleteOnTermination=True)}]
    for asked in more:
        after = account.run(image, **asked)
        account.until(after, "running")
        second = account.make_image(after)
        available(account, second)
        assert disk(second) == (20, "gp2")
    copy = account.ec2.copy_image(SourceImageId=image, SourceRegion="eu-west-1", Name="copy")
    assert disk(copy["ImageId"]) == (20, "gp2")


def test_attributes_of_an_image(account: Account) -> None:
    instance = account.run()
    account.until(instance, "running")
    image = account.make_image(instance, Description="one")

    def attribute(name: str, key: str) -> Any:
        return account.ec2.describe_image_attribute(ImageId=image, Attribute=name)[key]

    assert attribute("imdsSupport", "ImdsSupport") == {}
    account.ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"})
    assert attribute("imdsSupport", "ImdsSupport") == {"Value": "v2.0"}
    assert attribute("description", "Description") == {"Value": "one"}
    eventually(lambda: account.image(image)["State"] == "available", what="the image")
