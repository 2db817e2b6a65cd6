"""A fleet that somebody scaled is replaced by one of its size."""

import time

import pytest

from tests.release.pages import page
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

SCALED_SECONDS = 20.0


def scale(world: World, fleet: str, capacity: int) -> None:
    """As a person does, or Application Auto Scaling; returns when that many are healthy."""
    world.account.ec2.modify_spot_fleet_request(SpotFleetRequestId=fleet, TargetCapacity=capacity)
    deadline = time.monotonic() + SCALED_SECONDS
    while True:
        truth = world.settled()
        if truth.capacity == capacity and not truth.problems():
            return
        assert time.monotonic() < deadline, truth.problems()


def test_scaled_out_it_stays_so(world: World) -> None:
    made = world.release("v1", "scaled")
    assert made["outcome"] == "released"
    scale(world, made["fleet"], 4)

    # Scaling is no change of settings: the same commit serves already.
    again = world.release("v1", "scaled", force=False)
    assert again == {**made, "outcome": "unchanged"}

    following = world.release("v2", "scaled")
    assert following["outcome"] == "released", following
    truth = world.settled()
    assert truth.problems() == []
    assert (truth.fleet, truth.capacity) == (following["fleet"], 4)
    assert "as many as serve now; 2 are asked for" in page(world, "release-demo-web-app")

    # And once more, by a rollback: what was asked for in its place counts as scaled still.
    given = world.parameters("v1", "scaled", fleet={"most": 3})
    del given["force"]
    back = world.zygote.start("rollback", given).result()
    assert back["outcome"] == "released", back
    truth = world.settled()
    assert truth.problems() == []
    assert truth.capacity == 3
    assert "4 serve now, at most 3 are allowed" in page(world, "release-demo-web-app")

    # Scaled in to what is asked for, it has that from then on.
    scale(world, back["fleet"], 2)
    last = world.release("v2", "scaled")
    assert last["outcome"] == "released", last
    assert world.settled().capacity == 2
