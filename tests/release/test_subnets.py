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
