"""What scales groups and Spot Fleets by itself, as the API shows it: what AWS refuses, what it
keeps, and what suspends it. What it does is in tests/aws/test_scaling.py."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.account import Account, eventually

pytestmark = pytest.mark.sandbox

CPU = {"PredefinedMetricType": "ASGAverageCPUUtilization"}
REQUESTS = {"PredefinedMetricType": "ALBRequestCountPerTarget"}
LABEL = {"ResourceLabel": "app/web/1/targetgroup/website/2"}


def policy(metric: dict[str, str], **changes: Any) -> dict[str, Any]:
    tracked = {"PredefinedMetricSpecification": metric, "TargetValue": 50.0}
    made = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
    return {**made, "TargetTrackingConfiguration": tracked, **changes}


def test_a_group_keeps_its_policies_and_actions_and_refuses_what_aws_refuses(
    account: Account,
) -> None:
    account.make_group("web", template=account.template("web"), MaxSize=4)
    scaling = account.scaling
    made = scaling.put_scaling_policy(AutoScalingGroupName="web", **policy(CPU))
    assert made["PolicyARN"].endswith("autoScalingGroupName/web:policyName/p")
    assert len(made["Alarms"]) == 2
    scaling.put_scaling_policy(
        AutoScalingGroupName="web", **policy({**REQUESTS, **LABEL}, PolicyName="q")
    )
    told = scaling.describe_policies(AutoScalingGroupName="web")["ScalingPolicies"]
    assert [one["PolicyName"] for one in told] == ["p", "q"]
    action = {"AutoScalingGroupName": "web", "ScheduledActionName": "day", "MinSize": 3}
    scaling.put_scheduled_update_group_action(**action, Recurrence="0 8 * * 1-5", TimeZone="UTC")
    [shown] = scaling.describe_scheduled_actions(AutoScalingGroupName="web")[
        "ScheduledUpdateGroupActions"
    ]
    assert (shown["Recurrence"], shown["MinSize"]) == ("0 8 * * 1-5", 3)
    for wrong in (
        {"AutoScalingGroupName": "none", **policy(CPU)},
        {"AutoScalingGroupName": "web", **policy(REQUESTS)},
    ):
        with pytest.raises(ClientError, match="ValidationError"):
            scaling.put_scaling_policy(**wrong)
    for change in ({"Recurrence": "0 8 * *"}, {"MaxSize": 2}):
        with pytest.raises(ClientError, match="ValidationError"):
            scaling.put_scheduled_update_group_action(**action, **change)
    # Suspended, its time passes by.
    scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ScheduledActions"])
    account.box.come_due("web", "day")
    assert account.group("web")["DesiredCapacity"] == 2
    scaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["ScheduledActions"])
    account.box.come_due("web", "day")
    assert account.group("web")["DesiredCapacity"] == 3
    account.box.load("web", cpu=999)
    eventually(lambda: account.group("web")["DesiredCapacity"] == 4, what="its most")
    eventually(lambda: "TargetTracking-web" in str(account.activities("web")), what="its cause")


def test_a_scalable_target_needs_a_fleet_and_all_that_it_has_goes_with_it(
    account: Account,
) -> None:
    client = account.client("application-autoscaling")
    fleet = account.request()
    target = {
        "ServiceNamespace": "ec2",
        "ResourceId": f"spot-fleet-request/{fleet}",
        "ScalableDimension": "ec2:spot-fleet-request:TargetCapacity",
    }
    tracked = policy({"PredefinedMetricType": "EC2SpotFleetRequestAverageCPUUtilization"})
    tracked["TargetTrackingScalingPolicyConfiguration"] = tracked.pop("TargetTrackingConfiguration")
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        client.put_scaling_policy(**target, **tracked)
    for wrong in ({}, {"MinCapacity": 3, "MaxCapacity": 2}):
        with pytest.raises(ClientError, match="ValidationException"):
            client.register_scalable_target(**target, **wrong)
    client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    client.put_scaling_policy(**target, **tracked)
    action = {"ScheduledActionName": "day", "ScalableTargetAction": {"MinCapacity": 2}}
    with pytest.raises(ClientError, match="ValidationException"):
        client.put_scheduled_action(**target, **action, Schedule="cron(0 8 * * 1-5 *)")
    client.put_scheduled_action(**target, **action, Schedule="cron(0 8 ? * MON-FRI *)")
    # What it does not name of the state is not suspended.
    client.register_scalable_target(**target, SuspendedState={"DynamicScalingInSuspended": True})
    [shown] = client.describe_scalable_targets(ServiceNamespace="ec2")["ScalableTargets"]
    assert (shown["MinCapacity"], shown["MaxCapacity"]) == (1, 3)
    assert [name for name, value in shown["SuspendedState"].items() if value] == [
        "DynamicScalingInSuspended"
    ]
    assert len(client.describe_scaling_policies(ServiceNamespace="ec2")["ScalingPolicies"]) == 1
    assert len(client.describe_scheduled_actions(ServiceNamespace="ec2")["ScheduledActions"]) == 1
    client.deregister_scalable_target(**target)
    assert client.describe_scaling_policies(ServiceNamespace="ec2")["ScalingPolicies"] == []
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        client.deregister_scalable_target(**target)
