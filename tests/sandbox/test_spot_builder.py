"""A builder on a Spot machine, as the stand-in for Packer asks for it."""

import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused
from tests.sandbox.test_packer_standin import Bakery, nothing_left

pytestmark = pytest.mark.sandbox

SPOT = {"spot_types": ["t3.small", "t3.medium"]}


@pytest.fixture
def bakery(tmp_path: Path, account: Account, box: Sandbox) -> Bakery:
    box.script(boot_seconds=2, serve_seconds=0, stop_seconds=2, image_seconds=1)
    return Bakery(tmp_path, account, box)


def bake(bakery: Bakery, **behaviour: Any) -> tuple[int, str]:
    code, lines = bakery.run("app.pkr.hcl", **bakery.app_variables(**behaviour), **SPOT)
    return code, "\n".join(",".join(line) for line in lines)


def none_left(account: Account, box: Sandbox) -> None:
    nothing_left(box)
    assert account.ec2.describe_launch_templates()["LaunchTemplates"] == []


def test_it_bakes_and_leaves_nothing(bakery: Bakery, account: Account, box: Sandbox) -> None:
    box.clear_calls()
    code, said = bake(bakery)
    assert code == 0, said
    assert account.image(bakery.image())["State"] == "available"
    calls = {call["operation"]: call["parameters"] for call in box.calls()}
    # A Spot machine is not stopped; the launch is the fleet's.
    assert not {"RunInstances", "StopInstances"} & calls.keys()
    assert calls["CreateFleet"]["Type"] == "instant"
    template = calls["CreateLaunchTemplate"]
    assert template["TagSpecifications"][0]["ResourceType"] == "launch-template"
    assert "TagSpecifications" not in template["LaunchTemplateData"]
    none_left(account, box)


def test_the_machine_is_spot_and_gets_its_tags(bakery: Bakery, account: Account) -> None:
    process = bakery.start(
        "app.pkr.hcl", **bakery.app_variables(bake_seconds=10_000), **SPOT, key_pair_name="mine"
    )
    wanted = [{"Name": "key-name", "Values": ["mine"]}]

    def machines() -> list[dict[str, Any]]:
        found = account.ec2.describe_instances(Filters=wanted)["Reservations"]
        return [one for each in found for one in each["Instances"]]

    def tags(one: dict[str, Any]) -> dict[str, str]:
        return {x["Key"]: x["Value"] for x in one.get("Tags", [])}

    eventually(
        lambda: any("spotkiln:role" in tags(one) for one in machines()), what="a tagged builder"
    )
    (machine,) = machines()
    assert machine["InstanceLifecycle"] == "spot"
    assert tags(machine)["aws:ec2:fleet-id"].startswith("fleet-")
    process.terminate()
    process.communicate(timeout=30)


def test_without_room_it_says_so_and_leaves_nothing(
    bakery: Bakery, account: Account, box: Sandbox
) -> None:
    box.capacity(0)
    code, said = bake(bakery)
    assert code == 1
    assert "Error waiting for fleet request (fleet-" in said
    assert "There is no Spot capacity available that matches your request." in said
    assert "Instance ID" not in said
    none_left(account, box)


def test_taken_back_it_loses_its_connection(bakery: Bakery, account: Account, box: Sandbox) -> None:
    box.script(boot_seconds=2, stop_seconds=1, interrupt_after=1)
    code, said = bake(bakery, bake_seconds=200)
    assert code == 1
    assert "Script disconnected unexpectedly" in said
    none_left(account, box)


def test_a_fleet_that_stays_is_refused(account: Account) -> None:
    made = account.ec2.create_launch_template(
        LaunchTemplateName=f"kept-{time.monotonic_ns()}",
        LaunchTemplateData={"ImageId": account.debian, "InstanceType": "t3.micro"},
    )["LaunchTemplate"]
    named = {"LaunchTemplateId": made["LaunchTemplateId"], "Version": "1"}
    asked = {
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": named}],
        "TargetCapacitySpecification": {"TotalTargetCapacity": 2},
    }
    refused(account.ec2.create_fleet, "UnsupportedOperation", Type="maintain", **asked)
    answer = account.ec2.create_fleet(Type="instant", **asked)
    ids = [one for each in answer["Instances"] for one in each["InstanceIds"]]
    assert len(ids) == 2
    assert {one["Lifecycle"] for one in answer["Instances"]} == {"on-demand"}
    account.ec2.terminate_instances(InstanceIds=ids)
    account.ec2.delete_launch_template(LaunchTemplateId=made["LaunchTemplateId"])
