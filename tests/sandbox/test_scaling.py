"""Auto Scaling groups' life, as the API shows it. Each of their instances has a machine."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.client import Sandbox
from sandbox.scaling.config import on_demand_of
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused

pytestmark = pytest.mark.sandbox


@pytest.fixture(autouse=True)
def quick(box: Sandbox, account: Account) -> Iterator[None]:
    def delay(seconds: str) -> None:
        account.elbv2.modify_target_group_attributes(
            TargetGroupArn=account.target_group,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": seconds}],
        )

    box.script(boot_seconds=5, serve_seconds=5, stop_seconds=3)
    # Two real seconds: long enough to be seen on a slow host.
    delay("200")
    yield
    delay("5")


def drained(account: Account, name: str) -> bool:
    """Whether the load balancer does not send anything to it any more."""
    found = account.health()
    return name not in found or found[name]["State"] == "draining"


def test_a_group_launches_registers_and_tells_of_it(account: Account) -> None:
    template = account.template(
        "web",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    account.make_group(
        "web",
        template=template,
        Tags=[
            {"Key": "release", "Value": "r-1", "PropagateAtLaunch": False},
            {"Key": "team", "Value": "shop", "PropagateAtLaunch": True},
        ],
    )
    ids = account.in_service("web")
    for one in ids:
        account.until_health(one, "healthy")
        shown = account.instance(one)
        tags = {tag["Key"]: tag["Value"] for tag in shown["Tags"]}
        assert tags == {
            "a": "b",
            "team": "shop",
            "aws:autoscaling:groupName": "web",
            "aws:ec2launchtemplate:id": template,
            "aws:ec2launchtemplate:version": "1",
        }
        assert shown["InstanceLifecycle"] == "spot"
    zones = {account.instance(one)["Placement"]["AvailabilityZone"] for one in ids}
    assert len(zones) == 2
    first, second = account.activities("web")
    assert first["Description"] == f"Launching a new EC2 instance: {ids[0]}"
    assert first["StatusCode"] == "Successful"
    assert (
        "a user request created an AutoScalingGroup changing the desired capacity"
        in (first["Cause"])
    )
    assert "increasing the capacity from 1 to 2" in second["Cause"]
    shown = account.group("web")
    assert shown["HealthCheckType"] == "EC2"
    assert shown["Tags"][0] == {
        "ResourceId": "web",
        "ResourceType": "auto-scaling-group",
        "Key": "release",
        "Value": "r-1",
        "PropagateAtLaunch": False,
    }
    assert {one["LaunchTemplate"]["Version"] for one in shown["Instances"]} == {"1"}


def test_a_name_is_taken_until_its_group_is_gone(account: Account) -> None:
    account.make_group("web")
    ids = account.in_service("web")
    template = account.template("another")
    text = refused(
        account.scaling.create_auto_scaling_group,
        "AlreadyExists",
        **account.group_config("web", template),
    )
    assert "A group with the name web already exists" in text
    delete = account.scaling.delete_auto_scaling_group
    assert "while there are instances" in refused(
        delete, "ResourceInUse", AutoScalingGroupName="web"
    )
    delete(AutoScalingGroupName="web", ForceDelete=True)
    assert account.group("web")["Status"] == "Delete in progress"
    eventually(lambda: not account.group("web"), what="no group")
    assert {account.state(one) for one in ids} == {"terminated"}
    # What happened to it is told for weeks.
    assert account.activities("web")[-1]["AutoScalingGroupState"] == "Deleted"
    refused(
        account.scaling.describe_scaling_activities, "ValidationError", AutoScalingGroupName="web"
    )
    account.make_group("web", template=template, DesiredCapacity=0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DesiredCapacity": 11}, "must be between the specified min size:0 and max size:10"),
        ({"MinSize": 11}, "greater than or equal to min bound"),
        ({"types": ["t9.huge"]}, "valid fully-formed launch template.*t9.huge"),
        ({"VPCZoneIdentifier": "subnet-0123"}, "valid fully-formed launch template.*subnet-0123"),
        ({"HealthCheckType": "HTTP"}, "Invalid health check type"),
        ({"distribution": {"SpotAllocationStrategy": "cheapest"}}, "cheapest is invalid"),
        ({"TargetGroupARNs": ["arn:none"]}, "Target Groups may not be valid"),
        ({"Tags": [{"Key": "aws:x", "Value": "y"}]}, "reserved"),
    ],
)
def test_what_aws_refuses(account: Account, changes: dict[str, Any], words: str) -> None:
    template = account.template("web")
    with pytest.raises(Exception, match=words) as error:
        account.scaling.create_auto_scaling_group(
            **account.group_config("web", template, **changes)
        )
    assert getattr(error.value, "response", {})["Error"]["Code"] == "ValidationError"
    assert account.group("web") == {}


def test_a_template_that_is_not_there_and_a_call_that_is_not_known(account: Account) -> None:
    refused(
        account.scaling.create_auto_scaling_group,
        "ValidationError",
        **account.group_config("web", "lt-0123456789abcdef0"),
    )
    refused(account.scaling.describe_account_limits, "InvalidAction")
    refused(
        account.scaling.set_desired_capacity,
        "ValidationError",
        AutoScalingGroupName="x",
        DesiredCapacity=1,
    )


def test_one_that_ends_is_replaced_and_none_while_suspended(account: Account) -> None:
    account.make_group("web")
    first = account.in_service("web")[0]
    account.ec2.terminate_instances(InstanceIds=[first])
    eventually(lambda: first not in account.in_service("web"), what="another one")
    assert any("terminated or stopped" in one["Cause"] for one in account.activities("web"))
    account.scaling.suspend_processes(AutoScalingGroupName="web")
    assert len(account.group("web")["SuspendedProcesses"]) == 9
    kept = account.in_service("web")
    account.ec2.terminate_instances(InstanceIds=kept)
    for one in kept:
        account.until(one, "terminated")
    # The group does not look: it still tells of both, and launches nothing.
    assert account.in_service("web") == kept
    refused(account.scaling.delete_auto_scaling_group, "ResourceInUse", AutoScalingGroupName="web")
    account.scaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["HealthCheck"])
    account.scaling.resume_processes(AutoScalingGroupName="web")
    eventually(lambda: not {*account.in_service("web")} & {*kept}, what="two others")


def test_one_that_the_load_balancer_calls_unhealthy_is_drained_and_replaced(
    account: Account, box: Sandbox
) -> None:
    account.make_group("web", HealthCheckType="ELB", HealthCheckGracePeriod=60)
    ids = account.in_service("web")
    for one in ids:
        account.until_health(one, "healthy")
    box.script(match={"instance_id": ids[0]}, health=500)
    eventually(lambda: drained(account, ids[0]), what="draining")
    assert account.state(ids[0]) == "running"
    replaced = [one for one in account.activities("web") if "ELB system health" in one["Cause"]]
    assert replaced[0]["Description"] == f"Terminating EC2 instance: {ids[0]}"
    account.until(ids[0], "terminated")
    account.in_service("web")


def test_the_number_is_changed_and_scale_in_drains(account: Account) -> None:
    account.make_group("web", MinSize=1, MaxSize=4)
    account.in_service("web")
    resize = account.scaling.set_desired_capacity
    refused(resize, "ValidationError", AutoScalingGroupName="web", DesiredCapacity=5)
    resize(AutoScalingGroupName="web", DesiredCapacity=3)
    ids = account.in_service("web", 3)
    assert any("from 2 to 3" in one["Cause"] for one in account.activities("web"))
    for one in ids:
        account.until_health(one, "healthy")
    account.scaling.set_instance_protection(
        AutoScalingGroupName="web", InstanceIds=ids[:2], ProtectedFromScaleIn=True
    )
    # The bounds move what is desired.
    account.scaling.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=2)
    assert account.group("web")["DesiredCapacity"] == 2
    eventually(lambda: drained(account, ids[2]), what="draining")
    assert account.activities("web")[-1]["StatusCode"] in {
        "WaitingForELBConnectionDraining",
        "InProgress",
    }
    assert account.in_service("web") == ids[:2]
    smaller = account.scaling.terminate_instance_in_auto_scaling_group
    smaller(InstanceId=ids[0], ShouldDecrementDesiredCapacity=True)
    assert account.in_service("web", 1) == [ids[1]]
    refused(smaller, "ValidationError", InstanceId=ids[1], ShouldDecrementDesiredCapacity=True)


def test_target_groups_are_attached_and_detached(account: Account) -> None:
    account.make_group("web", TargetGroupARNs=[])
    ids = account.in_service("web")
    assert account.health() == {}
    account.scaling.attach_load_balancer_target_groups(
        AutoScalingGroupName="web", TargetGroupARNs=[account.target_group]
    )
    for one in ids:
        account.until_health(one, "healthy")
    account.scaling.detach_traffic_sources(
        AutoScalingGroupName="web", TrafficSources=[{"Identifier": account.target_group}]
    )
    eventually(lambda: not account.health(), what="no target")
    # They go on running, and the group keeps them.
    assert account.in_service("web") == ids
    assert account.group("web")["TargetGroupARNs"] == []


@pytest.mark.parametrize(
    ("base", "percent", "size", "number"),
    [(0, 0, 4, 0), (1, 0, 4, 1), (9, 0, 4, 4), (1, 50, 4, 3), (0, 100, 4, 4), (0, 34, 3, 2)],
)
def test_the_on_demand_part(base: int, percent: int, size: int, number: int) -> None:
    parts = {
        "OnDemandBaseCapacity": base,
        "OnDemandPercentageAboveBaseCapacity": percent,
    }
    policy = {"MixedInstancesPolicy": {"InstancesDistribution": parts}}
    assert on_demand_of(policy, size) == number


def test_base_and_percentage_decide_what_is_launched(account: Account) -> None:
    parts = {"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 0}
    account.make_group("web", distribution=parts)
    kinds = [account.instance(x).get("InstanceLifecycle") for x in account.in_service("web")]
    assert sorted(map(str, kinds)) == ["None", "spot"]


def test_without_capacity_the_activities_say_so_until_there_is_some(
    account: Account, box: Sandbox
) -> None:
    box.capacity(0)
    account.make_group("short")
    failed = eventually(lambda: account.activities("short"), what="an activity")[0]
    assert failed["StatusCode"] == "Failed"
    assert failed["StatusMessage"] == (
        "Could not launch Spot Instances. UnfulfillableCapacity - There is no Spot capacity "
        "available that matches your request. Launching EC2 instance failed."
    )
    assert failed["Description"].startswith("Launching a new EC2 instance.  Status Reason: Could")
    assert account.group("short")["Instances"] == []
    box.clear_capacity()
    account.in_service("short")


def test_a_refusal_is_told_with_ec2s_code(account: Account, box: Sandbox) -> None:
    box.refuse_launches("VcpuLimitExceeded", market="spot")
    account.make_group("refused")
    failed = eventually(lambda: account.activities("refused"), what="an activity")[0]
    assert failed["StatusMessage"].startswith(
        "Could not launch Spot Instances. VcpuLimitExceeded - You have requested more vCPU"
    )


def test_one_at_risk_goes_once_its_replacement_serves(account: Account, box: Sandbox) -> None:
    account.make_group("risky", CapacityRebalance=True)
    ids = account.in_service("risky")
    box.recommend_rebalance(ids[0])
    eventually(lambda: len(account.group("risky")["Instances"]) == 3, what="a third")
    assert ids[0] not in account.in_service("risky")
    told = [one for one in account.activities("risky") if "rebalance" in one["Cause"]]
    assert told[0]["Description"] == f"Terminating EC2 instance: {ids[0]}"


def test_tags_are_changed_and_found(account: Account) -> None:
    account.make_group("web", DesiredCapacity=0)
    tag = {
        "ResourceId": "web",
        "ResourceType": "auto-scaling-group",
        "Key": "phase",
        "Value": "serving",
        "PropagateAtLaunch": False,
    }
    account.scaling.create_or_update_tags(Tags=[tag])
    account.scaling.create_or_update_tags(Tags=[{**tag, "Value": "retiring"}])
    assert [one["Value"] for one in account.group("web")["Tags"]] == ["retiring"]

    def found(value: str) -> list[str]:
        rule = {"Name": "tag:phase", "Values": [value]}
        every = account.scaling.describe_auto_scaling_groups(Filters=[rule])["AutoScalingGroups"]
        return [one["AutoScalingGroupName"] for one in every]

    assert (found("retiring"), found("serving")) == (["web"], [])
    rules = [{"Name": "auto-scaling-group", "Values": ["web"]}]
    assert len(account.scaling.describe_tags(Filters=rules)["Tags"]) == 1
    account.scaling.delete_tags(Tags=[tag])
    assert account.group("web")["Tags"] == []


def test_groups_have_pages(account: Account) -> None:
    for name in ("a", "b", "c"):
        account.make_group(name, DesiredCapacity=0)
    pages = account.scaling.get_paginator("describe_auto_scaling_groups").paginate(
        PaginationConfig={"PageSize": 2}
    )
    names = [[one["AutoScalingGroupName"] for one in p["AutoScalingGroups"]] for p in pages]
    assert names == [["a", "b"], ["c"]]


def test_what_was_under_way_arrives_after_a_stop(account: Account, box: Sandbox) -> None:
    box.capacity(0)
    account.make_group("web")
    eventually(lambda: account.activities("web"), what="a try")
    box.late_launches(300)
    account.scaling.suspend_processes(AutoScalingGroupName="web")
    box.clear_capacity()
    assert account.group("web")["Instances"] == []
    assert len(account.in_service("web")) == 2


def test_there_are_no_launch_configurations(account: Account) -> None:
    assert account.scaling.describe_launch_configurations()["LaunchConfigurations"] == []
