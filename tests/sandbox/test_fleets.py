"""Spot fleets' life, as the EC2 API shows it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused

pytestmark = pytest.mark.sandbox

UNKNOWN = "sfr-11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def quick(box: Sandbox) -> None:
    box.script(boot_seconds=5, serve_seconds=5, stop_seconds=3)


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
    assert described["SpotFleetRequestState"] == "submitted"
    assert described["ActivityStatus"] == "pending_fulfillment"
    assert described["Tags"] == [{"Key": "spotkiln:phase", "Value": "pending"}]
    account.until_fleet(fleet, "active", "fulfilled")
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


def test_an_image_that_is_gone_stops_the_fleet(account: Account) -> None:
    fleet = account.request(ImageId="ami-00000000000000000")
    account.until_fleet(fleet, "active", "error")
    error = account.events(fleet, "error")[0]["EventInformation"]
    assert error["EventSubType"] == "spotFleetRequestConfigurationInvalid"
    assert "InvalidAMIID.NotFound" in error["EventDescription"]


# -- capacity --


def test_without_capacity_nothing_is_launched_and_the_history_says_why(
    account: Account, box: Sandbox
) -> None:
    box.capacity(0)
    subnet = account.subnets()["eu-west-1a"]
    fleet = account.request(spec={"SubnetId": subnet})
    account.until_fleet(fleet, "active", "error")
    assert account.members(fleet) == []
    information, error = account.events(fleet)[-2:]
    assert information["EventInformation"]["EventSubType"] == "launchSpecTemporarilyBlacklisted"
    assert "InsufficientInstanceCapacity" in information["EventInformation"]["EventDescription"]
    assert "eu-west-1a" in information["EventInformation"]["EventDescription"]
    assert error["EventInformation"]["EventSubType"] == "allLaunchSpecsTemporarilyBlacklisted"
    box.clear_capacity()
    account.until_fleet(fleet, "active", "fulfilled")


def test_what_one_pool_lacks_another_gives(account: Account, box: Sandbox) -> None:
    zones = account.subnets()
    box.capacity(1, zone="eu-west-1a")
    fleet = account.request(
        TargetCapacity=3,
        spec={"SubnetId": f"{zones['eu-west-1a']},{zones['eu-west-1b']}"},
        AllocationStrategy="diversified",
    )
    account.until_fleet(fleet, "active", "fulfilled")
    placed = [one["Placement"]["AvailabilityZone"] for one in account.members(fleet)]
    assert sorted(placed) == ["eu-west-1a", "eu-west-1b", "eu-west-1b"]


def test_the_account_has_a_quota_of_spot_instances(account: Account, box: Sandbox) -> None:
    box.spot_instance_limit(1)
    fleet = account.request()
    account.until_fleet(fleet, "active", "error")
    assert ("error", "spotInstanceCountLimitExceeded") in account.history(fleet)
    assert len(account.members(fleet)) == 1
    box.spot_instance_limit(None)
    account.until_fleet(fleet, "active", "fulfilled")


def test_the_quota_may_be_told_inside_another_error(account: Account, box: Sandbox) -> None:
    box.spot_instance_limit(1, inside=True)
    fleet = account.request()
    account.until_fleet(fleet, "active", "error")
    told = {
        one["EventInformation"]["EventSubType"]: one["EventInformation"]["EventDescription"]
        for one in account.events(fleet)
        if one["EventType"] in ("error", "information")
    }
    assert set(told) == {
        "launchSpecTemporarilyBlacklisted",
        "allLaunchSpecsTemporarilyBlacklisted",
    }
    assert "Error Code: MaxSpotInstanceCountExceeded" in told["launchSpecTemporarilyBlacklisted"]
    assert len(account.members(fleet)) == 1
    box.spot_instance_limit(None)
    account.until_fleet(fleet, "active", "fulfilled")


@pytest.mark.parametrize(
    ("code", "envelope", "sub_type"),
    [
        ("VcpuLimitExceeded", "blacklisted", "launchSpecTemporarilyBlacklisted"),
        ("VcpuLimitExceeded", "error", "spotFleetRequestConfigurationInvalid"),
        ("MaxSpotInstanceCountExceeded", "error", "spotInstanceCountLimitExceeded"),
        ("InsufficientFreeAddressesInSubnet", "error", "spotFleetRequestConfigurationInvalid"),
        ("UnauthorizedOperation", "blacklisted", "launchSpecTemporarilyBlacklisted"),
        ("InvalidKMSKey.InvalidState", "blacklisted", "launchSpecTemporarilyBlacklisted"),
        ("InvalidParameterValue", "error", "spotFleetRequestConfigurationInvalid"),
    ],
)
def test_launches_can_be_refused_for_any_reason_in_either_envelope(
    account: Account, box: Sandbox, code: str, envelope: str, sub_type: str
) -> None:
    box.refuse_launches(code, envelope)
    fleet = account.request()
    account.until_fleet(fleet, "active", "error")
    assert account.members(fleet) == []
    texts = [
        one["EventInformation"]["EventDescription"]
        for one in account.events(fleet)
        if one["EventInformation"]["EventSubType"] == sub_type
    ]
    assert texts
    assert all(f"Error Code: {code}" in text for text in texts)
    box.clear_capacity()
    account.until_fleet(fleet, "active", "fulfilled")


def test_a_refusal_may_be_one_zones_alone(account: Account, box: Sandbox) -> None:
    zones = account.subnets()
    box.refuse_launches("InsufficientFreeAddressesInSubnet", zone="eu-west-1a")
    fleet = account.request(
        spec={"SubnetId": f"{zones['eu-west-1a']},{zones['eu-west-1b']}"},
    )
    account.until_fleet(fleet, "active", "fulfilled")
    placed = {one["Placement"]["AvailabilityZone"] for one in account.members(fleet)}
    assert placed == {"eu-west-1b"}


def test_weights_count_units(account: Account) -> None:
    fleet = account.request(TargetCapacity=5, spec={"WeightedCapacity": 2.0})
    account.until_fleet(fleet, "active", "fulfilled")
    assert len(account.members(fleet)) == 3
    assert account.fleet(fleet)["SpotFleetRequestConfig"]["FulfilledCapacity"] == 6.0


# -- launch templates --


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


# -- keeping the size --


def test_a_lost_instance_is_replaced(account: Account, box: Sandbox) -> None:
    fleet = account.request()
    first, second = account.running_members(fleet)
    box.kill_machine(first)
    eventually(lambda: len(account.members(fleet)) == 3, what="a replacement")
    assert second in account.running_members(fleet)
    reason = account.instance(first)["StateReason"]["Code"]
    assert reason == "Server.SpotInstanceTermination"


def test_an_interrupted_instance_is_replaced_after_it_has_gone(
    account: Account, box: Sandbox
) -> None:
    fleet = account.request(TargetCapacity=1)
    (instance,) = account.running_members(fleet, 1)
    box.interrupt(instance, notice_seconds=40)
    assert len(account.members(fleet)) == 1
    account.until(instance, "terminated")
    assert account.running_members(fleet, 1) != [instance]


def test_with_rebalancing_the_replacement_comes_with_the_notice(
    account: Account, box: Sandbox
) -> None:
    fleet = account.request(
        TargetCapacity=1,
        SpotMaintenanceStrategies={"CapacityRebalance": {"ReplacementStrategy": "launch"}},
    )
    (instance,) = account.running_members(fleet, 1)
    box.interrupt(instance, notice_seconds=400)
    eventually(lambda: len(account.members(fleet)) == 2, what="a replacement")
    assert account.state(instance) == "running"


def test_with_rebalancing_it_comes_with_the_recommendation(account: Account, box: Sandbox) -> None:
    rebalance = {"CapacityRebalance": {"ReplacementStrategy": "launch"}}
    fleet = account.request(TargetCapacity=1, SpotMaintenanceStrategies=rebalance)
    (instance,) = account.running_members(fleet, 1)
    box.recommend_rebalance(instance)
    members = account.running_members(fleet, 2)
    # EC2 leaves both; who ends the first is no reason for a third.
    account.ec2.terminate_instances(InstanceIds=[instance])
    account.until(instance, "terminated")
    assert account.running_members(fleet, 1) == [one for one in members if one != instance]


def test_without_rebalancing_a_recommendation_changes_nothing(
    account: Account, box: Sandbox
) -> None:
    fleet = account.request(TargetCapacity=1)
    (instance,) = account.running_members(fleet, 1)
    box.recommend_rebalance(instance)
    box.interrupt(instance, notice_seconds=40)
    account.until(instance, "terminated")
    assert account.running_members(fleet, 1) != [instance]


def test_a_fleet_of_type_request_replaces_nothing(account: Account, box: Sandbox) -> None:
    fleet = account.request(Type="request", TargetCapacity=1)
    (instance,) = account.running_members(fleet, 1)
    box.kill_machine(instance)
    account.until(instance, "terminated")
    account.until_fleet(fleet, "active", "pending_fulfillment")
    assert len(account.members(fleet)) == 1


def test_modifying_grows_and_shrinks(account: Account) -> None:
    fleet = account.request(TargetCapacity=1)
    account.until_fleet(fleet, "active", "fulfilled")
    account.ec2.modify_spot_fleet_request(SpotFleetRequestId=fleet, TargetCapacity=3)
    assert account.fleet(fleet)["SpotFleetRequestState"] == "modifying"
    account.until_fleet(fleet, "active", "fulfilled")
    members = account.running_members(fleet, 3)
    account.ec2.modify_spot_fleet_request(SpotFleetRequestId=fleet, TargetCapacity=1)
    kept = account.running_members(fleet, 1)
    assert kept == members[:1]
    history = account.history(fleet)
    assert history.count(("fleetRequestChange", "modify_succeeded")) == 2
    assert history.count(("instanceChange", "termination_notified")) == 2


# -- cancelling --


def test_cancelling_with_termination(account: Account, box: Sandbox) -> None:
    box.script(stop_seconds=30)
    fleet = account.request()
    members = account.running_members(fleet)
    answer = account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=[fleet], TerminateInstances=True
    )
    assert answer["SuccessfulFleetRequests"] == [
        {
            "SpotFleetRequestId": fleet,
            "PreviousSpotFleetRequestState": "active",
            "CurrentSpotFleetRequestState": "cancelled_terminating",
        }
    ]
    account.until_fleet(fleet, "cancelled_terminating", "pending_termination")
    account.until_fleet(fleet, "cancelled")
    assert [account.state(one) for one in members] == ["terminated", "terminated"]


def test_cancelling_without_termination_leaves_the_instances_alone(
    account: Account, box: Sandbox
) -> None:
    fleet = account.request()
    first, second = account.running_members(fleet)
    answer = account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=[fleet], TerminateInstances=False
    )
    state = answer["SuccessfulFleetRequests"][0]["CurrentSpotFleetRequestState"]
    assert state == "cancelled_running"
    box.kill_machine(first)
    account.until(first, "terminated")
    assert account.state(second) == "running"
    assert account.fleet(fleet)["SpotFleetRequestState"] == "cancelled_running"
    assert len(account.members(fleet)) == 2  # nothing was replaced
    account.ec2.terminate_instances(InstanceIds=[second])
    account.until_fleet(fleet, "cancelled")


def test_each_id_that_cannot_be_cancelled_says_why(account: Account) -> None:
    fleet = account.request(TargetCapacity=0)
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    other = account.request(TargetCapacity=0)
    answer = account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=[fleet, UNKNOWN, "fleet", other], TerminateInstances=True
    )
    codes = [one["Error"]["Code"] for one in answer["UnsuccessfulFleetRequests"]]
    assert codes == [
        "fleetRequestNotInCancellableState",
        "fleetRequestIdDoesNotExist",
        "fleetRequestIdMalformed",
    ]
    assert [one["SpotFleetRequestId"] for one in answer["SuccessfulFleetRequests"]] == [other]


def test_more_than_a_hundred_ids_cancel_nothing(account: Account) -> None:
    fleet = account.request(TargetCapacity=0)
    refused(
        account.ec2.cancel_spot_fleet_requests,
        "InvalidParameterValue",
        SpotFleetRequestIds=[fleet] * 101,
        TerminateInstances=True,
    )
    account.until_fleet(fleet, "active")


def test_launches_under_way_can_arrive_after_the_cancel(account: Account, box: Sandbox) -> None:
    box.capacity(0)
    box.late_launches(10)
    fleet = account.request()
    account.until_fleet(fleet, "active", "error")
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    box.clear_capacity()
    late = eventually(lambda: account.members(fleet, "pending", "running"), what="late ones")
    assert len(late) == 2
    assert account.fleet(fleet)["SpotFleetRequestState"] == "cancelled_terminating"


def test_an_expired_fleet_ends(account: Account) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    fleet = account.request(ValidUntil=soon, TerminateInstancesWithExpiration=True)
    account.until_fleet(fleet, "active", "fulfilled")
    account.until_fleet(fleet, "cancelled")
    assert ("fleetRequestChange", "expired") in account.history(fleet)


# -- target groups --


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
