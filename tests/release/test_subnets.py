"""Servers in private subnets behind a public load balancer, what builds for them elsewhere."""

from typing import Any

import pytest

from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


def tagged(world: World) -> tuple[str, str]:
    """Two subnets of the load balancer's zones: a private one, and one for builders."""
    subnets: list[dict[str, Any]] = world.account.ec2.describe_subnets()["Subnets"]
    private, builders = sorted(one["SubnetId"] for one in subnets)[-2:]
    marks = {private: ("tier", "private"), builders: ("Name", "builders")}
    for subnet, (key, value) in marks.items():
        world.account.ec2.create_tags(Resources=[subnet], Tags=[{"Key": key, "Value": value}])
    return private, builders


def test_each_runs_where_it_was_asked_for(world: World) -> None:
    private, builders = tagged(world)
    asked = {"infra": {"subnets": ["tier=private"]}, "build": {"subnet": "builders"}}
    made = world.release("v1", "in private subnets", **asked)
    assert made["outcome"] == "released", made
    truth = world.settled()
    assert truth.problems() == []
    everything = [
        one
        for reservation in world.account.ec2.describe_instances()["Reservations"]
        for one in reservation["Instances"]
    ]
    servers = [one for one in everything if one["InstanceId"] in truth.healthy]
    assert {one["SubnetId"] for one in servers} == {private}
    assert builders in {one["SubnetId"] for one in everything if one not in servers}


def launched(world: World) -> list[tuple[str, str]]:
    """Types and zones of the machines that Packer was given since the record was cleared."""
    subnets = world.account.ec2.describe_subnets()["Subnets"]
    zones = {one["SubnetId"]: one["AvailabilityZone"] for one in subnets}
    calls = (x for x in world.box.calls() if x["operation"] == "RunInstances" and not x["error"])
    asked = [x["parameters"] for x in calls if not x["parameters"].get("DryRun")]
    return sorted({(one["InstanceType"], zones[one["SubnetId"]]) for one in asked})


def test_where_ec2_has_no_room_the_next_subnet_and_type_are_tried(world: World) -> None:
    world.box.capacity(0, market="on-demand", instance_type="t3.small", zone="eu-west-1a")
    made = world.release("v1", "no room in a zone")
    assert made["outcome"] == "released", made
    assert launched(world) == [("t3.small", "eu-west-1b")]

    world.box.clear_calls()
    world.box.capacity(0, market="on-demand", instance_type="t3.small")
    for kind in ("t3.small", "t3.medium"):
        world.box.capacity(0, market="spot", instance_type=kind)
    types = {"other_instance_types": ["t3.small", "t3.medium"], "spot": True}
    made = world.release("v2", "no room at all", build=types)
    assert made["outcome"] == "released", made
    # As Spot in every subnet first, to bake and to test.
    asked = [x for x in world.box.calls() if x["operation"] == "CreateFleet"]
    assert len(asked) == 2 * len(world.account.ec2.describe_subnets()["Subnets"])
    assert launched(world) == [("t3.medium", "eu-west-1a")]
    assert world.settled().problems() == []

    # Nowhere, and nothing else is to be tried.
    made = world.release("v1", "nowhere")
    assert "InsufficientInstanceCapacity" in made["error"], made
    assert world.settled().problems() == []
