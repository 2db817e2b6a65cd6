"""What AWS refuses of launches, fleets, templates and target groups."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.api import constraints
from sandbox.client import Sandbox
from sandbox.faults.calls import Call
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused

RUN = {"InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
SMALL = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 1}}


# -- AWS's own model --


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "text"),
    [
        (
            "elasticloadbalancing",
            "CreateTargetGroup",
            {"Name": "x", "HealthCheckIntervalSeconds": 301},
            "'healthCheckIntervalSeconds' failed to satisfy constraint: Member must have ",
        ),
        ("elasticloadbalancing", "CreateTargetGroup", {"Protocol": "GOPHER"}, "enum value set"),
        (
            "elasticloadbalancing",
            "CreateTargetGroup",
            {"HealthyThresholdCount": 1},
            "or equal to 2",
        ),
        ("autoscaling", "CreateAutoScalingGroup", {"AutoScalingGroupName": "n" * 256}, "length"),
        (
            "ec2",
            "DescribeSpotFleetRequestHistory",
            {"EventType": "nonsense"},
            "Value (nonsense) for parameter eventType is invalid",
        ),
        (
            "ec2",
            "RequestSpotFleet",
            {"SpotFleetRequestConfig": {"AllocationStrategy": "dearest"}},
            "spotFleetRequestConfig.allocationStrategy",
        ),
    ],
)
def test_what_the_model_forbids(
    service: str, operation: str, parameters: dict[str, Any], text: str
) -> None:
    answer = constraints.refusal(Call(1, service, operation, parameters, "a test"))
    assert answer is not None
    assert answer.status_code == 400
    assert text in answer.get_data().decode().replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("elasticloadbalancing", "CreateTargetGroup", {"Name": "x", "Port": 65535}),
        ("ec2", "RunInstances", {"InstanceType": "t9.huge", "MinCount": 1}),
        ("ssm", "PutParameter", {"Tier": "nonsense"}),
        ("ec2", "DescribeNonsense", {"A": 1}),
    ],
)
def test_what_it_does_not(service: str, operation: str, parameters: dict[str, Any]) -> None:
    assert constraints.refusal(Call(1, service, operation, parameters, "a test")) is None


# -- launches --


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"MinCount": 0, "MaxCount": 0}, "InvalidParameterValue"),
        ({"MinCount": 3, "MaxCount": 2}, "InvalidParameterCombination"),
        ({"UserData": "x" * 16385}, "InvalidParameterValue"),
        (
            {
                "TagSpecifications": [
                    {"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}
                ]
            },
            "InvalidParameterValue",
        ),
        (
            {"NetworkInterfaces": [{"DeviceIndex": 0}], "SecurityGroups": ["default"]},
            "InvalidParameterCombination",
        ),
        ({"BlockDeviceMappings": [SMALL]}, "InvalidBlockDeviceMapping"),
        ({"PrivateIpAddress": "10.1.2.3"}, "InvalidParameterValue"),
    ],
)
def test_a_launch(account: Account, box: Sandbox, changes: dict[str, Any], code: str) -> None:
    request = {"ImageId": account.debian, **RUN, **changes}
    refused(account.ec2.run_instances, code, **request)
    assert box.inventory()["instances"]["ids"] == []


@pytest.mark.sandbox
def test_a_protected_instance_cannot_be_terminated(account: Account) -> None:
    instance = account.run(DisableApiTermination=True)
    refused(account.ec2.terminate_instances, "OperationNotPermitted", InstanceIds=[instance])
    account.ec2.modify_instance_attribute(
        InstanceId=instance, DisableApiTermination={"Value": False}
    )
    account.ec2.terminate_instances(InstanceIds=[instance])


@pytest.mark.sandbox
def test_a_taken_address(account: Account) -> None:
    subnet = account.subnets()["eu-west-1a"]
    address = account.instance(account.run(SubnetId=subnet))["PrivateIpAddress"]
    code = "InvalidIPAddress.InUse"
    refused(account.run, code, SubnetId=subnet, PrivateIpAddress=address)


@pytest.mark.sandbox
def test_a_launch_takes_what_its_template_says(account: Account, box: Sandbox) -> None:
    group = account.ec2.create_security_group(GroupName="of-template", Description="x")["GroupId"]
    template = account.template(
        "whole",
        SecurityGroupIds=[group],
        IamInstanceProfile={"Name": "website"},
        InstanceType="t3.small",
        MetadataOptions={"HttpTokens": "required"},
        InstanceMarketOptions={"MarketType": "spot"},
    )
    made = account.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": template}, MinCount=1, MaxCount=1
    )["Instances"][0]["InstanceId"]
    shown = account.instance(made)
    assert shown["InstanceType"] == "t3.small"
    assert shown["InstanceLifecycle"] == "spot"
    assert shown["MetadataOptions"]["HttpTokens"] == "required"
    assert shown["IamInstanceProfile"]["Arn"].endswith("/website")
    assert [one["GroupId"] for one in shown["NetworkInterfaces"][0]["Groups"]] == [group]
    assert "AWS_SESSION_TOKEN" in box.role_credentials(made)


# -- fleets --


def life(**parts: Any) -> dict[str, Any]:
    return {"SpotMaintenanceStrategies": {"CapacityRebalance": parts}}


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "changes",
    [
        {"Type": "instant"},
        {"TargetCapacity": 10_001},
        {"ValidUntil": datetime(2020, 1, 1, tzinfo=UTC)},
        {
            "ValidFrom": datetime(2039, 1, 2, tzinfo=UTC),
            "ValidUntil": datetime(2039, 1, 1, tzinfo=UTC),
        },
        life(ReplacementStrategy="launch-before-terminate", TerminationDelay=20),
        life(ReplacementStrategy="launch", TerminationDelay=200),
        {"Type": "request", **life(ReplacementStrategy="launch")},
    ],
)
def test_a_fleet(account: Account, box: Sandbox, changes: dict[str, Any]) -> None:
    config = account.fleet_config(**changes)
    code = "InvalidSpotFleetRequestConfig"
    refused(account.ec2.request_spot_fleet, code, SpotFleetRequestConfig=config)
    assert box.inventory()["fleets"]["ids"] == []


@pytest.mark.sandbox
def test_a_fleet_begins_when_it_becomes_valid(account: Account) -> None:
    begin = datetime.now(UTC) + timedelta(seconds=3)
    fleet = account.request(ValidFrom=begin)
    time.sleep(0.5)
    assert account.fleet(fleet)["SpotFleetRequestState"] == "submitted"
    assert account.members(fleet) == []
    account.until_fleet(fleet, "active")
    assert datetime.now(UTC) >= begin


# -- templates --


@pytest.mark.sandbox
def test_templates_that_are_not_there_and_more_than_a_page(account: Account) -> None:
    describe = account.ec2.describe_launch_templates
    unknown = ["lt-00000000000000000"]
    refused(describe, "InvalidLaunchTemplateId.NotFound", LaunchTemplateIds=unknown)
    code = "InvalidLaunchTemplateName.NotFoundException"
    refused(describe, code, LaunchTemplateNames=["nobodys"])
    for number in range(16):
        account.template(f"one-of-{number}")
    assert len(describe()["LaunchTemplates"]) == 16
    pages = account.ec2.get_paginator("describe_launch_templates").paginate(
        PaginationConfig={"PageSize": 10}
    )
    assert [len(page["LaunchTemplates"]) for page in pages] == [10, 6]


# -- load balancing --


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "changes",
    [
        {"Matcher": {"HttpCode": "600-700"}},
        {"Matcher": {"HttpCode": "200,500"}},
        {"HealthCheckPath": "up"},
        {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5},
        {"HealthCheckIntervalSeconds": 400},
    ],
)
def test_a_target_group(account: Account, changes: dict[str, Any]) -> None:
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    create, modify = account.elbv2.create_target_group, account.elbv2.modify_target_group
    group = {"Name": "refused", "Protocol": "HTTP", "Port": 80, "VpcId": vpc}
    refused(create, "ValidationError", **group, **changes)
    refused(modify, "ValidationError", TargetGroupArn=account.target_group, **changes)


@pytest.mark.sandbox
def test_attributes_that_nobody_knows(account: Account) -> None:
    modify = account.elbv2.modify_target_group_attributes
    arn = account.target_group
    wrong = [{"Key": "deregistration_delay.timeout", "Value": "5"}]
    refused(modify, "ValidationError", TargetGroupArn=arn, Attributes=wrong)
    for key, value in (
        ("slow_start.duration_seconds", "5"),
        ("deregistration_delay.timeout_seconds", "3601"),
        ("load_balancing.cross_zone.enabled", "maybe"),
    ):
        bad = [{"Key": key, "Value": value}]
        told = refused(modify, "ValidationError", TargetGroupArn=arn, Attributes=bad)
        assert f"'{key}' value '{value}' must be " in told
    right = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
    assert modify(TargetGroupArn=arn, Attributes=right)["Attributes"]


@pytest.mark.sandbox
def test_a_load_balancer_is_in_two_zones(account: Account) -> None:
    first, second, *_ = account.subnets().values()
    create = account.elbv2.create_load_balancer
    refused(create, "ValidationError", Name="one-zone", Subnets=[first])
    made = create(Name="two-zones", Subnets=[first, second])["LoadBalancers"][0]["LoadBalancerArn"]
    refused(account.elbv2.set_subnets, "ValidationError", LoadBalancerArn=made, Subnets=[first])
    account.elbv2.delete_load_balancer(LoadBalancerArn=made)
    eventually(lambda: len(account.elbv2.describe_load_balancers()["LoadBalancers"]) == 1)
