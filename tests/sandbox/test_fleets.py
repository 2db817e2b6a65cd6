"""A spot fleet's life, as the EC2 API shows it: from the request to its end."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("quick")]

UNKNOWN = "sfr-11111111-2222-3333-4444-555555555555"


def test_a_fleet_is_submitted_then_active_then_fulfilled(account: Account, box: Sandbox) -> None:
    fleet = account.request(
        TagSpecifications=[
            {
                "ResourceType": "spot-fleet-request",
                "Tags": [{"Key": "spotkiln:phase", "Value": "pending"}],
            }
        ],
        spec={
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}
            ]
        },
    )
    described = account.fleet(fleet)
    assert described["Tags"] == [{"Key": "spotkiln:phase", "Value": "pending"}]
    account.until_fleet(fleet, "active", "fulfilled")
    changes = account.history(fleet, "fleetRequestChange")
    assert [state for _, state in changes][:2] == ["submitted", "active"]
    assert account.fleet(fleet)["SpotFleetRequestConfig"]["FulfilledCapacity"] == 2.0
    for instance in account.members(fleet):
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        assert tags == {"Name": "web", "aws:ec2spot:fleet-request-id": fleet}
        assert instance["InstanceLifecycle"] == "spot"
    active = account.ec2.describe_spot_fleet_instances(SpotFleetRequestId=fleet)["ActiveInstances"]
    assert {one["InstanceId"] for one in active} == {
        one["InstanceId"] for one in account.members(fleet)
    }
    assert all(one["SpotInstanceRequestId"].startswith("sir-") for one in active)


def test_the_history_tells_the_life(account: Account) -> None:
    fleet = account.request()
    account.until_fleet(fleet, "active", "fulfilled")
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    account.until_fleet(fleet, "cancelled")
    history = account.history(fleet)
    assert history[:4] == [
        ("fleetRequestChange", "submitted"),
        ("fleetRequestChange", "active"),
        ("instanceChange", "launched"),
        ("instanceChange", "launched"),
    ]
    assert history[-1] == ("fleetRequestChange", "cancelled")
    assert ("fleetRequestChange", "cancelled_terminating") in history
    assert history.count(("instanceChange", "terminated")) == 2
    launched = account.events(fleet, "instanceChange")[0]["EventInformation"]
    assert launched["InstanceId"].startswith("i-")
    assert json.loads(launched["EventDescription"])["instanceType"] == "t3.micro"


def test_history_needs_a_start_and_has_pages(account: Account) -> None:
    fleet = account.request()
    account.until_fleet(fleet, "active", "fulfilled")
    start = datetime.now(UTC) - timedelta(hours=1)
    first = account.ec2.describe_spot_fleet_request_history(
        SpotFleetRequestId=fleet, StartTime=start, MaxResults=3
    )
    assert len(first["HistoryRecords"]) == 3
    rest = account.ec2.describe_spot_fleet_request_history(
        SpotFleetRequestId=fleet, StartTime=start, NextToken=first["NextToken"]
    )
    assert len(rest["HistoryRecords"]) == 1
    later = datetime.now(UTC) + timedelta(hours=1)
    assert not account.ec2.describe_spot_fleet_request_history(
        SpotFleetRequestId=fleet, StartTime=later
    )["HistoryRecords"]


def test_requests_have_pages(account: Account) -> None:
    fleets = {account.request(TargetCapacity=0) for _ in range(3)}
    pages = account.ec2.get_paginator("describe_spot_fleet_requests").paginate(
        SpotFleetRequestIds=list(fleets), PaginationConfig={"PageSize": 2}
    )
    sizes = [[one["SpotFleetRequestId"] for one in p["SpotFleetRequestConfigs"]] for p in pages]
    assert [len(size) for size in sizes] == [2, 1]
    assert {one for size in sizes for one in size} == fleets


def test_the_same_token_requests_once(account: Account) -> None:
    first = account.request(ClientToken="release-1")
    assert account.request(ClientToken="release-1") == first
    refused(
        account.request, "IdempotentParameterMismatch", ClientToken="release-1", TargetCapacity=3
    )
    account.until_fleet(first, "active", "fulfilled")
    assert len(account.members(first)) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"IamFleetRole": "website"}, "InvalidSpotFleetRequestConfig"),
        ({"InstanceType": "t9.huge"}, "InvalidSpotFleetRequestConfig"),
        ({"OnDemandTargetCapacity": 1}, "InvalidSpotFleetRequestConfig"),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": []}]},
            "InvalidParameterValue",
        ),
    ],
)
def test_what_cannot_be_a_fleet_is_refused(
    account: Account, box: Sandbox, changes: dict[str, Any], code: str
) -> None:
    refused(account.request, code, **changes)
    assert box.inventory()["fleets"]["count"] == 0


def test_unknown_fleets_are_errors(account: Account) -> None:
    describe = account.ec2.describe_spot_fleet_requests
    refused(describe, "InvalidSpotFleetRequestId.NotFound", SpotFleetRequestIds=[UNKNOWN])
    refused(describe, "InvalidSpotFleetRequestId.Malformed", SpotFleetRequestIds=["sfr-1"])
    refused(
        account.ec2.describe_spot_fleet_instances,
        "InvalidSpotFleetRequestId.NotFound",
        SpotFleetRequestId=UNKNOWN,
    )


def test_a_role_that_spot_fleet_may_not_take_is_an_error_in_the_history(account: Account) -> None:
    role = account.iam.get_role(RoleName="website")["Role"]["Arn"]
    fleet = account.request(IamFleetRole=role)
    account.until_fleet(fleet, "active", "error")
    assert account.history(fleet, "error") == [("error", "iamFleetRoleInvalid")]
    assert account.members(fleet) == []


def fleets_with(account: Account, *actions: str) -> str:
    """The ARN of a role that Spot Fleet may take, and that allows these actions."""
    trust = {"Effect": "Allow", "Principal": {"Service": "spotfleet.amazonaws.com"}}
    trusted = json.dumps({"Statement": [{**trust, "Action": "sts:AssumeRole"}]})
    role = account.iam.create_role(RoleName="lacking", AssumeRolePolicyDocument=trusted)["Role"]
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    account.iam.put_role_policy(RoleName="lacking", PolicyName="fleets", PolicyDocument=document)
    return str(role["Arn"])


@pytest.fixture
def _no_role(account: Account) -> Iterator[None]:
    yield
    account.iam.delete_role_policy(RoleName="lacking", PolicyName="fleets")
    account.iam.delete_role(RoleName="lacking")


LAUNCHES = ("ec2:RunInstances", "ec2:TerminateInstances")


@pytest.mark.usefixtures("_no_role")
def test_a_role_without_a_right_to_launch_is_an_error_in_the_history(account: Account) -> None:
    fleet = account.request(IamFleetRole=fleets_with(account, *LAUNCHES))
    account.until_fleet(fleet, "active", "error")
    error = account.events(fleet, "error")[0]["EventInformation"]
    assert error["EventSubType"] == "iamFleetRoleInvalid"
    assert "ec2:CreateTags" in error["EventDescription"]
    assert account.members(fleet) == []


@pytest.mark.usefixtures("_no_role")
def test_a_role_that_may_not_hand_the_servers_role_on_is_an_error_in_the_history(
    account: Account,
) -> None:
    role = fleets_with(account, *LAUNCHES, "ec2:CreateTags")
    with_profile = {"IamInstanceProfile": {"Name": "website"}}
    fleet = account.request(IamFleetRole=role, spec=with_profile)
    account.until_fleet(fleet, "active", "error")
    error = account.events(fleet, "error")[0]["EventInformation"]
    assert error["EventSubType"] == "iamFleetRoleInvalid"
    arn = "arn:aws:iam::123456789012:role/spotkiln/website"
    assert f"iam:PassRole on {arn}" in error["EventDescription"]
    assert account.members(fleet) == []


@pytest.mark.usefixtures("_no_role")
def test_a_role_that_may_not_register_leaves_its_servers_without_requests(account: Account) -> None:
    role = fleets_with(account, *LAUNCHES, "ec2:CreateTags")
    fleet = account.request(IamFleetRole=role, TargetCapacity=1)
    members = account.running_members(fleet, 1)
    failed = ("information", "registerWithLoadBalancersFailed")
    eventually(lambda: failed in account.history(fleet), what="the failure in the history")
    assert not set(members) & set(account.health())


def test_an_image_that_is_gone_stops_the_fleet(account: Account) -> None:
    fleet = account.request(ImageId="ami-00000000000000000")
    account.until_fleet(fleet, "active", "error")
    error = account.events(fleet, "error")[0]["EventInformation"]
    assert error["EventSubType"] == "spotFleetRequestConfigurationInvalid"
    assert "InvalidAMIID.NotFound" in error["EventDescription"]


def test_running_instances_are_registered_with_the_target_group(account: Account) -> None:
    fleet = account.request()
    members = account.running_members(fleet)
    eventually(lambda: set(members) <= set(account.health()), what="registration")


def test_a_target_group_that_is_not_there_is_told_in_the_history(account: Account) -> None:
    arn = account.target_group.rpartition("/")[0] + "/0000000000000000"
    fleet = account.request(
        TargetCapacity=1,
        LoadBalancersConfig={"TargetGroupsConfig": {"TargetGroups": [{"Arn": arn}]}},
    )
    account.running_members(fleet, 1)
    eventually(
        lambda: ("information", "registerWithLoadBalancersFailed") in account.history(fleet),
        what="the failure in the history",
    )
