"""A pool is a type in a zone: EC2 refuses a fleet in which one comes twice."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.account import Account
from tests.sandbox.test_fleet_templates import template
from tests.sandbox.test_instances import refused

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("quick")]

INVALID = "InvalidSpotFleetRequestConfig"
SMALL = {"VCpuCount": {"Min": 2, "Max": 2}, "MemoryMiB": {"Min": 1024, "Max": 2048}}
LARGE = {"VCpuCount": {"Min": 2, "Max": 4}, "MemoryMiB": {"Min": 2048, "Max": 4096}}


@pytest.fixture
def two(account: Account) -> Iterator[list[str]]:
    """Two subnets of one zone."""
    there = account.ec2.describe_subnets()["Subnets"][0]
    made = account.ec2.create_subnet(
        VpcId=there["VpcId"],
        AvailabilityZone=there["AvailabilityZone"],
        CidrBlock="172.31.240.0/24",
    )["Subnet"]["SubnetId"]
    yield [there["SubnetId"], made]
    account.remove_everything()
    account.ec2.delete_subnet(SubnetId=made)


def by_template(account: Account, *overrides: dict[str, Any]) -> list[dict[str, Any]]:
    made = {"LaunchTemplateId": template(account), "Version": "1"}
    return [{"LaunchTemplateSpecification": made, "Overrides": list(overrides)}]


def test_two_subnets_of_a_zone_are_one_pool(account: Account, two: list[str]) -> None:
    told = refused(account.request, INVALID, spec={"SubnetId": ",".join(two)})
    assert "duplicate instance pools" in told
    specification = account.fleet_config()["LaunchSpecifications"][0]
    each = [{**specification, "SubnetId": one} for one in two]
    refused(account.request, INVALID, LaunchSpecifications=each)
    assert account.box.inventory()["fleets"]["ids"] == []


@pytest.mark.parametrize(
    "kind", [{"InstanceType": "t3.small"}, {}, {"InstanceRequirements": SMALL}]
)
def test_overrides_too(account: Account, two: list[str], kind: dict[str, Any]) -> None:
    overrides = [{**kind, "SubnetId": one} for one in two]
    configs = by_template(account, *overrides)
    none: dict[str, Any] = {"LaunchSpecifications": []}
    refused(account.request, INVALID, **none, LaunchTemplateConfigs=configs)
    told = refused(
        account.ec2.create_fleet,
        "InvalidFleetConfig",
        Type="instant",
        LaunchTemplateConfigs=configs,
        TargetCapacitySpecification={"TotalTargetCapacity": 1},
    )
    assert told == "The fleet configuration contains duplicate instance pools."


def test_a_fleet_is_not_modified_into_such_a_one(account: Account, two: list[str]) -> None:
    good = by_template(account, {"InstanceType": "t3.small", "SubnetId": two[0]})
    fleet = account.request(LaunchSpecifications=[], LaunchTemplateConfigs=good)
    account.until_fleet(fleet, "active", "fulfilled")
    both = by_template(account, *({"InstanceType": "t3.small", "SubnetId": one} for one in two))
    modify = account.ec2.modify_spot_fleet_request
    refused(modify, INVALID, SpotFleetRequestId=fleet, LaunchTemplateConfigs=both)
    account.until_fleet(fleet, "active", "fulfilled")


def test_other_types_in_them_are_other_pools(account: Account, two: list[str]) -> None:
    kinds = ("t3.small", "t3.medium")
    overrides = [
        {"InstanceType": kind, "SubnetId": one} for kind, one in zip(kinds, two, strict=True)
    ]
    configs = by_template(account, *overrides)
    fleet = account.request(LaunchSpecifications=[], LaunchTemplateConfigs=configs)
    account.until_fleet(fleet, "active", "fulfilled")


def test_a_type_may_fit_more_than_one_requirement(account: Account) -> None:
    subnet = account.subnets()["eu-west-1a"]
    overrides = [{"InstanceRequirements": one, "SubnetId": subnet} for one in (SMALL, LARGE)]
    configs = by_template(account, *overrides)
    fleet = account.request(LaunchSpecifications=[], LaunchTemplateConfigs=configs)
    account.until_fleet(fleet, "active", "fulfilled")


def test_a_group_may_have_both(account: Account, two: list[str]) -> None:
    account.make_group("two", VPCZoneIdentifier=",".join(two))
    assert account.in_service("two")
