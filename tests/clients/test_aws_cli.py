"""The AWS CLI: its waiters, its pages, and the errors that it shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Run
from tests.sandbox.account import Account

# Its waiters look every half minute.
pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


@pytest.fixture
def aws(run: Run) -> Any:
    """Runs `aws`; returns what it read from the answer."""

    def call(*arguments: str) -> Any:
        told = run("awscli", "aws", *arguments, "--output", "json")
        return json.loads(told or "{}")

    return call


def test_the_life_of_an_instance_and_its_image(aws: Any, account: Account) -> None:
    tags = "ResourceType=instance,Tags=[{Key=Name,Value=cli}]"
    launched = aws(
        *("ec2", "run-instances", "--image-id", account.debian, "--instance-type", "t3.micro"),
        *("--tag-specifications", tags, "--instance-market-options", "MarketType=spot"),
    )
    instance = launched["Instances"][0]["InstanceId"]
    aws("ec2", "wait", "instance-running", "--instance-ids", instance)
    aws("ec2", "wait", "instance-status-ok", "--instance-ids", instance)
    filters = ["Name=instance-lifecycle,Values=spot", "Name=tag:Name,Values=cl*"]
    found = aws("ec2", "describe-instances", "--filters", *filters)
    assert [one["InstanceId"] for one in found["Reservations"][0]["Instances"]] == [instance]
    image = aws("ec2", "create-image", "--instance-id", instance, "--name", "of cli")["ImageId"]
    aws("ec2", "wait", "image-available", "--image-ids", image)
    aws("ec2", "wait", "snapshot-completed", "--filters", f"Name=description,Values=*{image}*")
    group = ("--target-group-arn", account.target_group, "--targets", f"Id={instance}")
    aws("elbv2", "register-targets", *group)
    aws("elbv2", "wait", "target-in-service", *group)
    aws("elbv2", "deregister-targets", *group)
    aws("elbv2", "wait", "target-deregistered", *group)
    aws("ec2", "terminate-instances", "--instance-ids", instance)
    aws("ec2", "wait", "instance-terminated", "--instance-ids", instance)


def test_pages(aws: Any, account: Account) -> None:
    for number in range(7):
        account.template(f"page-{number}")
    found = aws("ec2", "describe-launch-templates", "--page-size", "5")
    assert len(found["LaunchTemplates"]) == 7
    found = aws("ec2", "describe-launch-templates", "--max-items", "5")
    assert len(found["LaunchTemplates"]) == 5


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["get-spot-placement-scores", "--target-capacity", "1"], "UnsupportedOperation"),
        (["describe-instances", "--filters", "Name=misspelt,Values=x"], "InvalidParameterValue"),
        (
            ["describe-launch-templates", "--launch-template-ids", "lt-00000000000000000"],
            "InvalidLaunchTemplateId.NotFound",
        ),
        (
            ["create-tags", "--resources", "i-00000000000000000", "--tags", "Key=a,Value=b"],
            "InvalidInstanceID.NotFound",
        ),
    ],
)
def test_errors_are_told_at_once(run: Run, arguments: list[str], code: str) -> None:
    told = run("awscli", "aws", "ec2", *arguments, ends_with=255)
    assert f"({code})" in told
    assert "max retries" not in told


def test_a_stack(aws: Any, account: Account, tmp_path: Path) -> None:
    template = tmp_path / "stack.json"
    resource = {
        "Type": "AWS::EC2::Instance",
        "Properties": {"ImageId": account.debian, "InstanceType": "t3.micro"},
    }
    template.write_text(json.dumps({"Resources": {"Server": resource}}))
    stack = ("--stack-name", "of-cli")
    aws("cloudformation", "create-stack", *stack, "--template-body", f"file://{template}")
    aws("cloudformation", "wait", "stack-create-complete", *stack)
    found = aws("cloudformation", "describe-stack-resources", *stack)["StackResources"]
    account.until(found[0]["PhysicalResourceId"], "running")
    aws("cloudformation", "delete-stack", *stack)
    aws("cloudformation", "wait", "stack-delete-complete", *stack)
    account.until(found[0]["PhysicalResourceId"], "terminated")
