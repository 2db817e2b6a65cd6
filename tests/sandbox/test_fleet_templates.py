"""Spot fleets whose servers come from launch templates."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account
from tests.sandbox.test_instances import refused

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("quick")]


def template(account: Account, **data: Any) -> str:
    made = account.ec2.create_launch_template(
        LaunchTemplateName=f"release-{datetime.now(UTC).timestamp()}",
        LaunchTemplateData={"ImageId": account.debian, "InstanceType": "t3.micro", **data},
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def test_the_version_that_was_given_is_launched_with_all_its_overrides(account: Account) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "v", "Value": "1"}]}]
    made = template(account, TagSpecifications=tags, KeyName="demo")
    account.ec2.create_launch_template_version(
        LaunchTemplateId=made,
        LaunchTemplateData={"ImageId": account.debian, "InstanceType": "t3.large"},
    )
    zones = account.subnets()
    overrides = [
        {"InstanceType": kind, "SubnetId": zones[zone]}
        for kind, zone in (
            ("t3.small", "eu-west-1a"),
            ("t3.medium", "eu-west-1b"),
            ("t3.micro", "eu-west-1c"),
        )
    ]
    reference = {"LaunchTemplateId": made, "Version": "1"}
    fleet = account.request(
        TargetCapacity=3,
        AllocationStrategy="diversified",
        LaunchSpecifications=[],
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": reference, "Overrides": overrides}],
    )
    account.until_fleet(fleet, "active", "fulfilled")
    members = account.members(fleet)
    assert {(one["InstanceType"], one["Placement"]["AvailabilityZone"]) for one in members} == {
        ("t3.small", "eu-west-1a"),
        ("t3.medium", "eu-west-1b"),
        ("t3.micro", "eu-west-1c"),
    }
    for one in members:
        tags_of = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        assert tags_of["v"] == "1"
        assert tags_of["aws:ec2launchtemplate:id"] == made
        assert tags_of["aws:ec2launchtemplate:version"] == "1"
        assert one["KeyName"] == "demo"


def test_a_part_can_be_on_demand(account: Account, box: Sandbox) -> None:
    box.capacity(0)  # of spot
    reference = {"LaunchTemplateId": template(account), "Version": "1"}
    fleet = account.request(
        TargetCapacity=2,
        OnDemandTargetCapacity=1,
        LaunchSpecifications=[],
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": reference}],
    )
    account.until_fleet(fleet, "active", "error")
    assert [one.get("InstanceLifecycle") for one in account.members(fleet)] == [None]
    assert account.fleet(fleet)["SpotFleetRequestConfig"]["OnDemandFulfilledCapacity"] == 1.0
    (on_demand,) = account.members(fleet)
    # AWS promises its tag nowhere but on Spot instances.
    keys = {tag["Key"] for tag in on_demand.get("Tags", [])}
    assert "aws:ec2spot:fleet-request-id" not in keys
    box.clear_capacity()
    account.until_fleet(fleet, "active", "fulfilled")
    assert sorted(str(one.get("InstanceLifecycle")) for one in account.members(fleet)) == [
        "None",
        "spot",
    ]


def test_a_template_that_is_not_there_is_refused(account: Account) -> None:
    reference = {"LaunchTemplateId": "lt-00000000000000000", "Version": "1"}
    refused(
        account.request,
        "InvalidLaunchTemplateId.NotFound",
        LaunchSpecifications=[],
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": reference}],
    )


def test_a_template_is_made_once_for_each_client_token(account: Account) -> None:
    own = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "shop"}]}]
    asked = {"LaunchTemplateName": "once", "ClientToken": "t", "TagSpecifications": own}
    data = {"ImageId": account.debian}
    create, again = account.ec2.create_launch_template, account.ec2.create_launch_template_version
    made = [create(LaunchTemplateData=data, **asked)["LaunchTemplate"] for _ in "ab"]
    assert made[0] == made[1]
    other = {"LaunchTemplateData": {"InstanceType": "t3.micro"}}
    refused(create, "IdempotentParameterMismatch", **asked, **other)
    version = {"LaunchTemplateName": "once", "ClientToken": "v", **other}
    numbers = [again(**version)["LaunchTemplateVersion"]["VersionNumber"] for _ in "ab"]
    assert numbers == [2, 2]
    for _ in range(14):
        again(LaunchTemplateName="once", **other)
    pages = account.ec2.get_paginator("describe_launch_template_versions")
    found = pages.paginate(LaunchTemplateName="once").build_full_result()["LaunchTemplateVersions"]
    assert sorted(one["VersionNumber"] for one in found) == list(range(1, 17))
    describe = account.ec2.describe_launch_template_versions
    code = "InvalidLaunchTemplateId.VersionNotFound"
    refused(describe, code, LaunchTemplateName="once", Versions=["newest"])
    first = next(one for one in found if one["VersionNumber"] == 1)
    assert first["LaunchTemplateData"] == data
