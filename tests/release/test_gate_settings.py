"""What a target group's own settings ask of the gate: its interval, a slow start, its zones."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.reliability.world import SPEED, World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

SLOW, CROSS_ZONE = "slow_start.duration_seconds", "load_balancing.cross_zone.enabled"


@pytest.fixture
def settings(world: World) -> Iterator[Any]:
    """Changes attributes of the target group; they are as before afterwards."""
    arn = world.account.group_arn("website")

    def change(key: str, value: str) -> None:
        world.account.elbv2.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value}]
        )

    yield change
    change(SLOW, "0")
    change(CROSS_ZONE, "use_load_balancer_configuration")


@pytest.fixture
def serving(world: World) -> None:
    """Something serves, whatever it is, for what comes in its place."""
    if not world.account.serving():
        assert world.release("v1", "settings")["outcome"] == "released"
    world.box.clear_calls()


def at(call: dict[str, Any]) -> float:
    """In the sandbox's seconds."""
    return datetime.fromisoformat(call["time"]).timestamp() * SPEED


def between_request_and_retirement(world: World) -> float:
    done = [one for one in world.box.calls() if not one["error"]]
    asked = next(at(x) for x in done if x["operation"] == "RequestSpotFleet")
    drained = next(at(x) for x in done if x["operation"] == "DeregisterTargets")
    return drained - asked


@pytest.mark.usefixtures("serving")
def test_the_gate_lasts_for_its_health_checks(world: World) -> None:
    made = world.release("v1", "settings", gate={"polls": 12, "boot_seconds": 20})
    assert made["outcome"] == "released", made
    # One each 5 s.
    assert between_request_and_retirement(world) >= 5 * 12


@pytest.mark.usefixtures("serving")
def test_a_slow_start_is_waited_out_before_anything_is_retired(world: World, settings: Any) -> None:
    settings(SLOW, "90")
    made = world.release("v1", "settings")
    assert made["outcome"] == "released", made
    assert between_request_and_retirement(world) >= 90
    assert world.settled().problems() == []


def test_with_cross_zone_off_no_zone_that_serves_is_left_empty(world: World, settings: Any) -> None:
    settings(CROSS_ZONE, "false")
    everywhere = {"capacity": 3, "allocation_strategy": "diversified"}
    given: dict[str, Any] = {"fleet": everywhere}
    kept = world.release("v1", "settings", **given)
    assert kept.get("outcome") == "released", kept
    servers = world.account.instances(kept["fleet"])
    zones = {one["Placement"]["AvailabilityZone"] for one in servers}
    assert len(zones) == 3
    left = min(zones)
    # Full with what serves there.
    world.box.capacity(1, zone=left)
    failed = world.release("v1", "settings", **given)
    assert failed["error"].startswith("GateFailed"), failed
    assert "cross-zone load balancing is off" in failed["error"]
    assert left in failed["error"]
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == kept["fleet"]
    world.box.clear_capacity()
    assert world.release("v1", "settings", **given)["outcome"] == "released"
