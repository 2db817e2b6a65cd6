"""botocore's own waiters end: what they look at becomes what they wait for."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account

pytestmark = pytest.mark.sandbox

Wait = Callable[..., None]


@pytest.fixture
def wait(box: Sandbox) -> Wait:
    box.script(boot_seconds=2, serve_seconds=2, stop_seconds=2, image_seconds=2)

    def wait(client: Any, name: str, **parameters: Any) -> None:
        limits = {"Delay": 0, "MaxAttempts": 2000}
        client.get_waiter(name).wait(WaiterConfig=limits, **parameters)

    return wait


def test_an_instance(account: Account, wait: Wait) -> None:
    ec2 = account.ec2
    one = {"InstanceIds": [account.run(KeyName="demo")]}
    wait(ec2, "key_pair_exists", KeyNames=["demo"])
    wait(ec2, "instance_exists", **one)
    wait(ec2, "instance_running", **one)
    wait(ec2, "instance_status_ok", **one)
    wait(ec2, "system_status_ok", **one)
    ec2.stop_instances(**one)
    wait(ec2, "instance_stopped", **one)
    ec2.terminate_instances(**one)
    wait(ec2, "instance_terminated", **one)


def test_an_image_and_a_volume(account: Account, wait: Wait) -> None:
    instance = account.run()
    account.until(instance, "running")
    image = account.make_image(instance)
    wait(account.ec2, "image_exists", ImageIds=[image])
    wait(account.ec2, "image_available", ImageIds=[image])
    found = [{"Name": "description", "Values": [f"*{image}*"]}]
    wait(account.ec2, "snapshot_completed", Filters=found)
    volume = account.ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    wait(account.ec2, "volume_available", VolumeIds=[volume])
    account.ec2.delete_volume(VolumeId=volume)
    wait(account.ec2, "volume_deleted", VolumeIds=[volume])


def test_targets_and_load_balancers(account: Account, wait: Wait) -> None:
    instance = account.run()
    account.until(instance, "running")
    group = {"TargetGroupArn": account.target_group, "Targets": [{"Id": instance}]}
    account.elbv2.register_targets(**group)
    wait(account.elbv2, "target_in_service", **group)
    account.elbv2.deregister_targets(**group)
    wait(account.elbv2, "target_deregistered", **group)
    wait(account.elbv2, "load_balancer_available", Names=["website"])
    wait(account.elbv2, "load_balancer_exists", Names=["website"])


def test_groups_roles_and_stacks(account: Account, wait: Wait) -> None:
    group = account.ec2.create_security_group(GroupName="waited-for", Description="x")["GroupId"]
    wait(account.ec2, "security_group_exists", GroupIds=[group])
    wait(account.iam, "role_exists", RoleName="website")
    wait(account.iam, "instance_profile_exists", InstanceProfileName="website")
    cloudformation = account.client("cloudformation")
    properties = {"GroupDescription": "x", "GroupName": "of-a-stack"}
    resource = {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}
    template = json.dumps({"Resources": {"Group": resource}})
    cloudformation.create_stack(StackName="waited-for", TemplateBody=template)
    wait(cloudformation, "stack_exists", StackName="waited-for")
    wait(cloudformation, "stack_create_complete", StackName="waited-for")
    cloudformation.delete_stack(StackName="waited-for")
    wait(cloudformation, "stack_delete_complete", StackName="waited-for")
