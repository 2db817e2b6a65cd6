"""EC2's filters, and lists in pages."""

from typing import Any

import pytest

from sandbox.api.filters import fits, regular
from tests.sandbox.account import Account

LIVING: dict[str, Any] = {"Name": "instance-state-name", "Values": ["pending", "running"]}


@pytest.mark.parametrize(
    ("found", "patterns", "fit"),
    [
        ("t3.micro", ["t3.*"], True),
        ("t3.micro", ["t2.*", "t?.micro"], True),
        ("t3.micro", ["t3"], False),
        ("t3.micro", ["T3.*"], False),
        ("a [b]", ["a [b]"], True),
        ("a b", ["a [b]"], False),
        ("two\nlines", ["two*"], True),
        ("100%*", [r"100%\*"], True),
        ("100%x", [r"100%\*"], False),
        (r"a\b", [r"a\\b"], True),
        (["a", "c"], ["a", "b"], True),
        (["c"], ["a", "b"], False),
        (None, ["*"], False),
        (True, ["true"], True),
        (16, ["1?"], True),
        ("x", [], False),
    ],
)
def test_wildcards(found: Any, patterns: list[str], fit: bool) -> None:
    assert fits(found, patterns) is fit


def test_a_pattern_is_a_regular_expression_in_the_end() -> None:
    assert regular(r"a.*?\?") == r"a\..*.\?"


def instances(account: Account, **filters: str) -> int:
    """How many of those that live fit all of them."""
    wanted: list[Any] = [
        {"Name": name.replace("_", "-"), "Values": [x]} for name, x in filters.items()
    ]
    wanted.append(LIVING)
    found = account.ec2.describe_instances(Filters=wanted)["Reservations"]
    return sum(len(one["Instances"]) for one in found)


@pytest.mark.sandbox
def test_instances_by_what_they_are(account: Account) -> None:
    one = account.run(ClientToken="mine", InstanceMarketOptions={"MarketType": "spot"})
    account.run(SubnetId=account.subnets()["eu-west-1b"])
    account.until(one, "running")
    described = account.ec2.describe_instances(InstanceIds=[one])["Reservations"][0]
    reservation, instance = described["ReservationId"], described["Instances"][0]
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    for name, value in {
        "instance_lifecycle": "spot",
        "client_token": "mine",
        "reservation_id": reservation,
        "spot_instance_request_id": "sir-*",
        "availability_zone": "*a",
        "block-device-mapping.volume-id": volume,
    }.items():
        assert instances(account, **{name: value}) == 1, name
    for name, value in {
        "root_device_type": "ebs",
        "launch_time": f"{instance['LaunchTime']:%Y}-*",
        "instance_type": "t3.*",
        "private_ip_address": "172.31.*",
        "metadata-options.http-tokens": "*",
    }.items():
        assert instances(account, **{name: value}) == 2, name
    assert instances(account, instance_state_code="16", instance_lifecycle="spot") == 1
    assert instances(account, reservation_id="r-0") == 0


@pytest.mark.sandbox
def test_an_address_is_one_of_its_subnet(account: Account) -> None:
    networks = {
        "eu-west-1a": account.instance(account.run()),
        "eu-west-1b": account.instance(account.run(Placement={"AvailabilityZone": "eu-west-1b"})),
    }
    for zone, instance in networks.items():
        assert instance["SubnetId"] == account.subnets()[zone]
        subnet = account.ec2.describe_subnets(SubnetIds=[instance["SubnetId"]])["Subnets"][0]
        beginning = subnet["CidrBlock"].split(".")[:2]
        assert instance["PrivateIpAddress"].split(".")[:2] == beginning


@pytest.mark.sandbox
def test_pages_are_as_long_as_was_asked(account: Account) -> None:
    for _ in range(3):
        account.run(TagSpecifications=[tagged("instance", Name="one"), tagged("volume", Name="x")])
    for operation, key, more in (
        ("describe_instances", "Reservations", {"Filters": [LIVING]}),
        ("describe_volumes", "Volumes", {}),
        (
            "describe_instance_status",
            "InstanceStatuses",
            {"IncludeAllInstances": True, "Filters": [LIVING]},
        ),
        ("describe_tags", "Tags", {"Filters": [{"Name": "tag:Name", "Values": ["x"]}]}),
    ):
        pages = account.ec2.get_paginator(operation).paginate(
            PaginationConfig={"PageSize": 2}, **more
        )
        assert [len(page[key]) for page in pages] == [2, 1], operation


def tagged(kind: str, **tags: str) -> dict[str, Any]:
    return {"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}


@pytest.mark.sandbox
def test_prices_by_filter(account: Account) -> None:
    wanted = [
        {"Name": "instance-type", "Values": ["t3.micr?"]},
        {"Name": "availability-zone", "Values": ["*b"]},
        {"Name": "product-description", "Values": ["Linux*"]},
    ]
    found = account.ec2.describe_spot_price_history(Filters=wanted)["SpotPriceHistory"]
    assert {(one["InstanceType"], one["AvailabilityZone"]) for one in found} == {
        ("t3.micro", "eu-west-1b")
    }


@pytest.mark.sandbox
def test_a_volume_is_detached_by_its_id_alone(account: Account) -> None:
    instance = account.run()
    account.until(instance, "running")
    zone = account.instance(instance)["Placement"]["AvailabilityZone"]
    volume = account.ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    account.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    assert account.ec2.detach_volume(VolumeId=volume)["InstanceId"] == instance
    account.ec2.delete_volume(VolumeId=volume)
