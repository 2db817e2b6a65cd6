"""The same releases with each launcher, and from one to the other: seen from outside."""

from collections.abc import Iterator

import pytest

from tests.reliability.conftest import long
from tests.reliability.host import eventually
from tests.reliability.load import Load
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

GROUP, FLEET = "auto-scaling", "spot-fleet"


@pytest.fixture(autouse=True)
def grouped(world: World) -> Iterator[None]:
    """Releases say nothing of it and launch with Auto Scaling; other tests' do not."""
    world.launcher = GROUP
    yield
    world.launcher = FLEET


@pytest.fixture
def load(world: World) -> Iterator[Load]:
    with Load(world.box.load_balancer("website")) as load:
        yield load


def calls(world: World, operation: str) -> list[str]:
    """The groups that a changing call was about."""
    found = [one for one in world.box.calls() if one["operation"] == operation and not one["error"]]
    return [one["parameters"]["AutoScalingGroupName"] for one in found]


def test_from_a_fleet_to_a_group_to_the_next_and_back_without_loss(
    world: World, load: Load
) -> None:
    first = world.release("v1", "launchers", fleet={"launcher": FLEET})
    assert first["outcome"] == "released", first
    load.take_failures()
    # The same commit: another launcher is something to do.
    group = world.release("v1", "launchers", force=False)
    assert group["outcome"] == "released", group
    assert group["image"] == first["image"]
    assert group["fleet"].startswith("spotkiln-demo-web-app-")
    truth = world.settled()
    assert (truth.problems(), truth.fleet) == ([], group["fleet"])
    assert world.release("v1", "launchers", force=False)["outcome"] == "unchanged"

    world.box.clear_calls()
    following = world.release("v2", "launchers")
    assert following["outcome"] == "released", following
    truth = world.settled()
    assert (truth.problems(), truth.fleet) == ([], following["fleet"])
    assert calls(world, "CreateAutoScalingGroup") == [following["fleet"]]
    assert calls(world, "SuspendProcesses") == [group["fleet"]]
    assert calls(world, "DeleteAutoScalingGroup") == [group["fleet"]]

    # Sick servers are taken back.
    sick = world.release("sick", "launchers")
    assert "ImageRejected" in sick["error"], sick
    truth = world.settled()
    assert (truth.problems(), truth.fleet) == ([], following["fleet"])

    # Without capacity it ends with AWS' words and leaves nothing.
    world.box.refuse_launches("VcpuLimitExceeded", market="spot")
    try:
        full = world.release("v1", "launchers")
    finally:
        world.box.clear_capacity()
    assert "more vCPU capacity than your current vCPU limit" in full["error"], full
    truth = world.settled()
    assert (truth.problems(), truth.fleet) == ([], following["fleet"])

    # A rollback goes back.
    rolled = world.play("rollback", "v1", "launchers").result()
    assert rolled["outcome"] == "released", rolled
    assert rolled["image"] == first["image"]
    truth = world.settled()
    assert (truth.problems(), truth.fleet) == ([], rolled["fleet"])

    back = world.release("v2", "launchers", fleet={"launcher": FLEET})
    assert back["fleet"].startswith("sfr-")
    truth = world.settled()
    assert (truth.problems(), truth.fleet) == ([], back["fleet"])
    assert load.take_failures() == []


def scale_out(world: World, launcher: str, fleet: str, capacity: int) -> None:
    """As a person does it."""
    if launcher == GROUP:
        world.account.scaling.set_desired_capacity(
            AutoScalingGroupName=fleet, DesiredCapacity=capacity
        )
    else:
        world.account.ec2.modify_spot_fleet_request(
            SpotFleetRequestId=fleet, TargetCapacity=capacity
        )


@pytest.fixture
def small_again(world: World) -> Iterator[None]:
    """Two servers afterwards: a release launches as many as serve."""
    yield
    made = world.release("v1", "scaled", fleet={"launcher": FLEET, "most": 2})
    assert made["outcome"] == "released", made
    eventually(lambda: world.settled().capacity == 2, timeout=120, what="two servers")


@pytest.mark.usefixtures("small_again")
# Of a Spot Fleet: tests/aws/test_scaling.py plays the same without Prefect.
@pytest.mark.parametrize("launcher", [GROUP, pytest.param(FLEET, marks=long)])
def test_what_is_scaled_out_during_a_release_serves_after_it(
    world: World, load: Load, launcher: str
) -> None:
    fleet = {"launcher": launcher, "most": 6, "scaling": {"cpu_percent": 50}}
    first = world.release("v1", "scaled", fleet=fleet)
    assert first["outcome"] == "released", first
    world.box.load(first["fleet"], cpu=150)
    eventually(lambda: len(world.settled().members) == 3, timeout=120, what="three servers")
    load.take_failures()
    process = world.start("v2", "scaled", fleet=fleet)
    kind = "scaling_groups" if launcher == GROUP else "fleets"
    eventually(lambda: world.box.inventory()[kind]["count"] == 2, timeout=60, what="two fleets")
    scale_out(world, launcher, first["fleet"], 4)
    newer = process.result()
    assert newer["outcome"] == "released", newer
    truth = world.settled()
    assert (truth.problems(), truth.fleet, truth.capacity) == ([], newer["fleet"], 4)

    # What serves scales on after a release that failed.
    sick = world.release("sick", "scaled", fleet=fleet)
    assert "ImageRejected" in sick["error"], sick
    world.box.load(newer["fleet"], cpu=250)
    eventually(lambda: world.settled().capacity == 5, timeout=120, what="five servers")
    assert world.settled().problems() == []
    assert load.take_failures() == []
