"""A server that serves no more, long after the gate: reconcile replaces it, and it alone.

When it replaces none, such as when all are unhealthy: tests/unit/release/test_unhealthy.py.
"""

import time

import pytest

from rehearsal.account import tags_of
from tests.release.pages import artifacts
from tests.reliability.load import Load
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

SECONDS = 30.0
SINCE = "spotkiln:unhealthy-since"


@pytest.fixture(scope="module")
def served(started: World) -> None:
    made = started.release("v1", "unhealthy", fleet={"most": 2})
    assert made["outcome"] == "released", made


@pytest.fixture
def members(world: World, served: None) -> list[str]:
    """The two that serve, healthy again after each test."""
    truth = world.settled()
    assert truth.problems() == []
    return sorted(truth.members)


def until(world: World, name: str, state: str) -> None:
    deadline = time.monotonic() + SECONDS
    while world.account.targets("website").get(name) != state:
        assert time.monotonic() < deadline, world.account.targets("website")
        time.sleep(0.1)


def since(world: World, name: str) -> str:
    [found] = [one for one in world.account.instances() if one["InstanceId"] == name]
    return tags_of(found).get(SINCE, "")


def told(world: World) -> dict[str, str]:
    """The newest event of this kind: what it says."""
    wanted = {"filter": {"event": {"name": ["spotkiln.server.replaced"]}}}
    deadline = time.monotonic() + SECONDS
    while True:
        found = world.api.post("/events/filter", json=wanted).raise_for_status().json()["events"]
        if found:
            return dict(found[0]["payload"])
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_long_unhealthy_it_is_replaced_without_loss(world: World, members: list[str]) -> None:
    sick, well = members
    with Load(world.box.load_balancer("website")) as load:
        world.box.script(match={"instance_id": sick}, health=500)
        until(world, sick, "unhealthy")
        time.sleep(1)
        load.take_failures()  # the load balancer had to find out

        # The first sight is noted; nothing is replaced, and a dry run would not even note it.
        world.reconcile(dry_run=True)
        assert since(world, sick) == ""
        assert world.reconcile()["actions"] == []
        assert since(world, sick)
        assert since(world, well) == ""

        time.sleep(2)
        [done] = world.reconcile(unhealthy_seconds=1)["actions"]
        assert str(done).startswith(f"replace {sick}: unhealthy since ")
        until(world, well, "healthy")
        truth = world.settled()
        assert truth.problems() == []
        assert well in truth.members
        assert sick not in truth.members
        assert load.failures == []
    assert told(world)["instance"] == sick
    assert artifacts(world, f"unhealthy-{sick}")


def test_one_that_recovers_is_left_alone(world: World, members: list[str]) -> None:
    world.box.script(match={"instance_id": members[0]}, health=500)
    until(world, members[0], "unhealthy")
    world.reconcile()
    assert since(world, members[0])
    world.box.script(match={"instance_id": members[0]}, health=200)
    until(world, members[0], "healthy")
    time.sleep(1)
    assert world.reconcile(unhealthy_seconds=1)["actions"] == []
    assert since(world, members[0]) == ""
    assert sorted(world.account.look().members) == members
