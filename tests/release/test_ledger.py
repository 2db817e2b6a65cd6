"""The ledger of a release: what was left behind is told, and nothing of it hides how it ended.

What one that goes well tells: test_way_forward.py.
"""

from typing import Any

import pytest

from tests.release.pages import last_row, page
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


def released(world: World, variant: str, **changes: Any) -> dict[str, Any]:
    result = world.release("v2", variant, **changes)
    assert result["outcome"] == "released", result
    return result


def test_what_a_release_that_succeeds_leaves_turns_it_red(world: World) -> None:
    """Its security group and a key pair of its builder are there again at the end."""
    fault = world.box.fault("CreateLaunchTemplate", "pause", nth=2, agent="spotkiln/")
    process = world.start("v2", "leaves")
    world.box.wait_paused(fault, 90)
    ec2 = world.account.ec2
    name = f"spotkiln-builder-demo-web-app-{process.run.replace('-', '')[:12]}"
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=name, Description="left", VpcId=vpc)["GroupId"]
    ec2.create_key_pair(KeyName=name)
    world.box.release(fault)
    result = process.result()
    assert "LeftBehind" in result["error"], result
    assert f"key-pair {name}, security-group {group}" in result["error"]
    told = page(world, "release-")
    assert f"| key-pair | `{name}` |" in told
    assert f"| security-group | `{group}` |" in told
    assert last_row(world)["outcome"] == "released"
    ec2.delete_key_pair(KeyName=name)
    ec2.delete_security_group(GroupId=group)
    assert world.settled().problems() == []


def test_a_ledger_that_cannot_be_read_turns_nothing_red_and_hides_nothing(world: World) -> None:
    world.box.fault(
        "DescribeVolumes", "error", count=1000, code="UnauthorizedOperation", status=403
    )
    made = released(world, "unread")
    told = page(world, "release-")
    assert "## What it made\n\nThat could not be read:" in told
    assert "DescribeVolumes" in told
    assert last_row(world)["fleet"] == made["fleet"]
    failed = world.release("sick", "unread and sick")
    assert "ImageRejected" in failed["error"]
    told = page(world, "release-")
    assert "## What it made\n\nThat could not be read:" in told
    assert last_row(world)["outcome"] == "rolled back"
    world.box.clear_faults()
    assert world.settled().problems() == []
