"""A sandbox that goes on has the stacks of the last one, and they can be changed."""

import json
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.session import connect
from tests.sandbox.account import Account, eventually
from tests.unit.clock import FakeClock

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(180)]


def start(directory: Path) -> Sandbox:
    return Sandbox.start(directory, machines="simulated", speed=50, resume=True)


def scaled(account: Account) -> str:
    """A stack with an Auto Scaling group, and its name."""
    reference = {"LaunchTemplateId": account.template("scaled"), "Version": "1"}
    properties = {
        "AutoScalingGroupName": "scaled",
        "MinSize": "0",
        "MaxSize": "2",
        "DesiredCapacity": "0",
        "LaunchTemplate": reference,
        "VPCZoneIdentifier": list(account.subnets().values()),
    }
    group = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": properties}
    body = json.dumps({"Resources": {"Group": group}})
    account.client("cloudformation").create_stack(StackName="scaled", TemplateBody=body)
    return "scaled"


def test_one_with_a_group_too(tmp_path: Path) -> None:
    with start(tmp_path) as box:
        name = scaled(Account(box))
        groups = Account(box).scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        group = groups[0]["AutoScalingGroupName"]
    with start(tmp_path) as again:
        account = Account(again)
        assert account.group(group)["MaxSize"] == 2
        account.client("cloudformation").delete_stack(StackName=name)
        eventually(lambda: not account.group(group), what="the group's end")


def test_the_stack_of_the_start_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path).stop()
    with start(tmp_path) as box:
        assert box.description["resumed"] == "goes on with what the last sandbox left"
        for key, value in box.process_environment().items():
            monkeypatch.setenv(key, value)
        connect.cache_clear()
        aws = connect("eu-west-1")
        assert stacks.outputs(aws, "sandbox-website")["TargetGroup"] == "website"
        # Nothing is made anew, and what is asked for is changed.
        nothing = stacks.plan(aws, "sandbox-website", {}, FakeClock())
        assert nothing.changes == ()
        asked = {"HealthPath": "/health"}
        planned = stacks.plan(aws, "sandbox-website", asked, FakeClock())
        assert {one.name for one in planned.changes} == {"TargetGroup", "GreenTargetGroup"}
        stacks.apply(aws, planned, FakeClock(), print)
        elbv2 = Account(box).client("elbv2")
        groups = elbv2.describe_target_groups(Names=["website"])["TargetGroups"]
        assert groups[0]["HealthCheckPath"] == "/health"
        # What is there is the stack's own, not a copy of it: it goes with the stack.
        Account(box).client("cloudformation").delete_stack(StackName="sandbox-website")
        assert elbv2.describe_target_groups()["TargetGroups"] == []
    connect.cache_clear()
