"""The account's quotas, looked up before money is spent."""

from collections.abc import Iterator

import pytest

from tests.reliability.world import World, without_release_only

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

SPOT = "L-34B43A08"


@pytest.fixture(autouse=True)
def roomy(world: World) -> Iterator[None]:
    yield
    world.box.quota(SPOT, None)


def made(world: World) -> list[str]:
    return [
        x["operation"]
        for x in world.box.calls()
        if x["operation"] in {"CreateImage", "RequestSpotFleet"} and not x["error"]
    ]


def in_use(world: World) -> int:
    """vCPUs of all Spot instances that run, two each: other tests may serve beside this one."""
    asked = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    pages = world.account.ec2.get_paginator("describe_instances").paginate(Filters=asked)
    found = [one for page in pages for held in page["Reservations"] for one in held["Instances"]]
    return 2 * len([one for one in found if one.get("InstanceLifecycle") == "spot"])


def test_without_room_nothing_is_baked_and_a_rollback_goes_on(world: World) -> None:
    # Without the right it says so and goes on.
    world.box.fault("GetServiceQuota", "error", code="AccessDeniedException", status=400, count=9)
    process = world.start("v1", "quota")
    assert process.result()["outcome"] == "released"
    assert "the quotas were not checked: no right to GetServiceQuota" in process.log()
    world.box.clear_faults()

    # The servers before these have ended: they count until then.
    assert world.settled().problems() == []
    world.box.clear_calls()
    used = in_use(world)
    world.box.quota(SPOT, used + 1)
    process = world.start("v1", "no room")
    result = process.result()
    assert "Spot quota L-34B43A08: 4 vCPUs are needed" in result["error"]
    assert f"1 are free ({used} of {used + 1} are in use)" in result["error"]
    assert made(world) == []
    # What serves already needs none.
    assert world.release("v1", "quota", force=False)["outcome"] == "unchanged"
    world.box.quota(SPOT, None)

    # A rollback is warned.
    assert world.release("v2", "quota", keep_versions=5)["outcome"] == "released"
    world.box.quota(SPOT, in_use(world) + 1)
    given = without_release_only(world.parameters("v1", "quota", keep_versions=5))
    process = world.zygote.start("rollback", given)
    assert process.result()["outcome"] == "released"
    assert "Spot quota L-34B43A08" in process.log()
