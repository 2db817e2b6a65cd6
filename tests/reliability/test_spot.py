"""Spot as it is: no capacity, interruptions at bad moments, machines that come too late."""

import time
from typing import Any

from tests.reliability.conftest import long
from tests.reliability.load import Load
from tests.reliability.test_together import paused_at
from tests.reliability.world import SPEED, World

SHORT: dict[str, Any] = {"gate": {"polls": 1, "boot_seconds": 20, "fulfilment_seconds": 60}}
ONE_POOL = {"capacity": 2, "instance_types": ["t3.micro"]}


def lifecycles(world: World) -> list[str]:
    """Of the servers that serve."""
    fleet = world.account.look().fleet
    members = world.account.instances(fleet)
    return sorted(one.get("InstanceLifecycle", "on-demand") for one in members)


def first_instance_of_a_second_fleet(world: World, timeout: float = 60) -> str:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for fleet in world.account.fleets():
            name = fleet["SpotFleetRequestId"]
            if name not in {one["SpotFleetRequestId"] for one in world.account.serving()}:
                members = world.account.instances(name)
                if members:
                    return str(members[0]["InstanceId"])
        time.sleep(0.05)
    raise AssertionError("no second fleet launched anything")


@long
def test_without_capacity_the_cause_is_named_and_all_is_undone(world: World, load: Load) -> None:
    world.box.capacity(0)
    result = world.release("v1", fleet=ONE_POOL, **SHORT)
    assert result["error"].startswith("CapacityError")
    # AWS's own words, from the fleet's history.
    assert "apacity" in result["error"].split("CapacityError", 1)[1]
    assert "launchSpec" in result["error"] or "allLaunchSpecs" in result["error"], result
    assert world.settled().problems() == []
    assert load.failures == []


def test_on_demand_takes_the_part_that_spot_has_no_capacity_for(world: World, load: Load) -> None:
    # Room for one more in the first zone, beside what serves there.
    serve = world.account.instances(world.account.look().fleet)
    zones = [one["Placement"]["AvailabilityZone"] for one in serve]
    for zone, room in (("a", 1), ("b", 0), ("c", 0)):
        name = f"eu-west-1{zone}"
        world.box.capacity(zones.count(name) + room, zone=name)
    fleet = {**ONE_POOL, "on_demand_fallback": True}
    assert world.release("v1", fleet=fleet, **SHORT)["outcome"] == "released"
    assert lifecycles(world) == ["on-demand", "spot"]
    assert world.settled().problems() == []
    # What serves is what was asked for.
    again = world.release("v1", fleet=fleet, force=False, **SHORT)
    assert again["outcome"] == "unchanged"
    assert load.failures == []


def test_more_pools_are_tried_before_on_demand(world: World, load: Load) -> None:
    world.box.capacity(0, instance_type="t3.micro")
    fleet = {**ONE_POOL, "more_instance_types": ["t3.small"], "on_demand_fallback": True}
    assert world.release("v1", fleet=fleet, **SHORT)["outcome"] == "released"
    assert lifecycles(world) == ["spot", "spot"]
    members = world.account.instances(world.account.look().fleet)
    assert {one["InstanceType"] for one in members} == {"t3.small"}
    assert world.settled().problems() == []
    assert load.failures == []


@long
def test_a_quota_is_named_and_not_waited_for(world: World, load: Load) -> None:
    world.box.spot_instance_limit(2)
    begin = time.monotonic()
    forever: dict[str, Any] = {"gate": {"polls": 1, "fulfilment_seconds": 7200}}
    result = world.release("v1", fleet=ONE_POOL, **forever)
    assert "spotInstanceCountLimitExceeded" in result["error"], result
    assert time.monotonic() - begin < 7200 / SPEED
    assert world.settled().problems() == []
    assert load.failures == []


def test_an_interruption_in_the_gate_is_waited_out(world: World, load: Load) -> None:
    # Both first ones boot until after the interruption: one that serves takes its requests along.
    world.box.script(match={"aws:ec2spot:fleet-request-id": "sfr-*"}, serve_seconds=60, times=2)
    process = world.start("v1")
    lost = first_instance_of_a_second_fleet(world)
    world.box.interrupt(lost, notice_seconds=2)
    assert process.result()["outcome"] == "released"
    truth = world.settled()
    assert truth.problems() == []
    assert lost not in truth.members
    assert load.failures == []


@long
def test_an_interruption_while_retiring_does_no_harm(world: World, load: Load) -> None:
    old = world.account.look().members
    process, fault = paused_at(world, lambda: world.start("v1"), "DeregisterTargets", when="before")
    world.box.interrupt(old[0], notice_seconds=10)
    world.box.release(fault)
    assert process.result()["outcome"] == "released"
    assert world.settled().problems() == []
    assert load.failures == []


@long
def test_what_a_cancelled_fleet_launches_late_is_taken_away(world: World, load: Load) -> None:
    world.box.late_launches(20)
    world.box.capacity(0)
    result = world.release("v1", fleet=ONE_POOL, **SHORT)
    assert result["error"].startswith("CapacityError")
    world.box.clear_capacity()
    time.sleep(2)
    assert "error" not in world.reconcile()
    assert world.settled().problems() == []
    assert load.failures == []
