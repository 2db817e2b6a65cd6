"""Two releases at once, and a release that reconcile meets while it lives."""

import time
from typing import Any

import pytest

from rehearsal.runs import Runs
from spotkiln.keep.lease import DURATION
from tests.reliability.conftest import long
from tests.reliability.flow_process import FlowProcess
from tests.reliability.host import eventually
from tests.reliability.load import Load
from tests.reliability.world import World, without_release_only

LEASE = DURATION.total_seconds()
BLOG: dict[str, Any] = {"infra": {"target_group": "blog"}}


def paused_at(world: World, process_of: Any, operation: str, when: str = "after") -> Any:
    """Start a release and let it stand at its first such call; the process and the fault."""
    # A trial of the call comes before it, when the infrastructure is looked up.
    nth = 2 if operation in {"RequestSpotFleet", "CreateLaunchTemplate", "RunInstances"} else 1
    fault = world.box.fault(operation, "pause", nth=nth, agent="spotkiln/", when=when)
    process = process_of()
    world.box.wait_paused(fault, timeout=90)
    return process, fault


def wait_for(text: str, process: FlowProcess, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while text not in process.log():
        assert time.monotonic() < deadline, f"{text!r} was never said:\n{process.tail()}"
        time.sleep(0.1)


def test_the_second_of_two_waits_and_then_sees_the_firsts_result(world: World, load: Load) -> None:
    first, fault = paused_at(
        world, lambda: world.start("v2", "two", force=False), "RequestSpotFleet"
    )
    second = world.start("v2", "two", force=False)
    wait_for("waiting: ", second)
    assert len(world.account.fleets()) == 2  # the serving one, and the first's
    world.box.release(fault)
    assert first.result()["outcome"] == "released"
    seen = second.result()
    assert seen["outcome"] == "unchanged"
    assert seen["fleet"] == first.result()["fleet"]
    assert load.failures == []


def test_different_target_groups_are_released_side_by_side(world: World) -> None:
    """And reconcile leaves one that lives alone."""
    first, fault = paused_at(world, lambda: world.start("v2", "side"), "RequestSpotFleet")
    assert world.reconcile()["actions"] == []
    second = world.start("v2", "side", **BLOG)
    assert second.result()["outcome"] == "released"
    assert not first.ended.is_set()
    world.box.release(fault)
    assert first.result()["outcome"] == "released"
    assert world.settled("blog").problems() == []


@long
def test_two_reconciles_at_once_settle_everything(world: World) -> None:
    process, _ = paused_at(world, lambda: world.start("v2", "twice"), "RequestSpotFleet")
    process.kill(packer_too=True)
    world.box.clear_faults()
    world.report_crashed(process)
    told = world.reconcile(dry_run=True)["actions"]
    assert any("retire" in one for one in told)
    both = [world.zygote.start("reconcile", {}) for _ in range(2)]
    assert all("error" not in one.result() for one in both), [one.result() for one in both]
    assert world.settled().problems() == []


def test_who_waits_goes_on_when_the_holder_is_reported_dead(world: World, load: Load) -> None:
    first, _ = paused_at(world, lambda: world.start("v2", "dead"), "RequestSpotFleet")
    second = world.start("v2", "heir")
    wait_for("waiting: ", second)
    first.kill(packer_too=True)
    world.box.clear_faults()
    world.report_crashed(first)
    assert second.result()["outcome"] == "released"
    assert world.settled().problems() == []
    assert load.failures == []


@long
@pytest.mark.timeout(LEASE + 250)
def test_a_host_that_nobody_reports_lost_blocks_until_its_lease_ends(world: World) -> None:
    """Prefect still takes the run for running."""
    process, _ = paused_at(world, lambda: world.start("v2", "lost"), "RequestSpotFleet")
    process.kill(packer_too=True)
    world.box.clear_faults()
    lost = time.monotonic()
    assert world.reconcile()["actions"] == []
    assert world.start("v2", "found").result(timeout=LEASE + 90)["outcome"] == "released"
    waited = time.monotonic() - lost
    print(f"a lost host blocked the next release for {waited:.0f} s")
    assert waited < LEASE + 30
    assert Runs(world.prefect.address).state(str(process.run))[0] == "RUNNING"
    assert world.settled().problems() == []


@long
@pytest.mark.timeout(LEASE + 250)
def test_of_a_run_that_prefect_does_not_know_the_lease_decides(world: World) -> None:
    """Host and Prefect's database are lost, and no other release comes."""
    process, _ = paused_at(world, lambda: world.start("v2", "unknown"), "RequestSpotFleet")
    process.kill(packer_too=True)
    world.box.clear_faults()
    world.api.delete(f"/flow_runs/{process.run}").raise_for_status()
    lost = time.monotonic()
    assert world.reconcile()["actions"] == []
    eventually(lambda: world.reconcile()["actions"], LEASE + 90, "a reconcile that finds it dead")
    print(f"undone {time.monotonic() - lost:.0f} s after the host was lost")
    assert world.settled().problems() == []


@long
def test_a_release_that_is_told_to_end_undoes_itself(world: World) -> None:
    """As a worker cancels: SIGTERM, and SIGKILL after 30 s."""
    process, fault = paused_at(world, lambda: world.start("v2", "term"), "RequestSpotFleet")
    process.terminate()
    begin = time.monotonic()
    world.box.release(fault)
    result = process.result(40)
    print(f"unwound in {time.monotonic() - begin:.1f} s: {result}")
    assert "error" in result
    assert world.settled().problems() == []


def test_a_run_taken_for_dead_promotes_nothing(world: World, load: Load) -> None:
    """Prefect was wrong: it lives, in the gate, while reconcile undoes what it made."""
    old = world.account.look().fleet
    process, fault = paused_at(
        world, lambda: world.start("v2", "undead"), "DescribeTargetHealth", when="before"
    )
    world.report_crashed(process)
    assert "error" not in world.reconcile()
    world.box.release(fault)
    assert "error" in process.result()
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == old
    assert load.failures == []


def test_a_rollback_takes_the_turn_from_one_that_has_not_launched(world: World, load: Load) -> None:
    """It bakes, on a host whose clock is an hour off; the rollback does not wait for its end."""
    world.box.date_ahead(-3600)
    try:
        assert world.release("v2", "taken from")["outcome"] == "released"
        process, fault = paused_at(
            world, lambda: world.start("v1", "taken"), "CreateSecurityGroup", when="after"
        )
        parameters = without_release_only(world.parameters("v1", take_turn=True))
        back = world.zygote.start("rollback", parameters)
        assert back.result().get("outcome") == "released", back.result()
        serving = world.account.look().fleet
        world.box.release(fault)
        result = process.result()
        assert result["outcome"] == "superseded", result
        assert "which took the turn before this release had launched" in process.log()
        truth = world.settled()
        assert (truth.fleet, truth.problems()) == (serving, [])
    finally:
        world.box.date_ahead(0)
    assert load.failures == []


def test_a_release_that_launched_is_waited_for_by_who_takes_the_turn(world: World) -> None:
    process, fault = paused_at(
        world, lambda: world.start("v2", "launched", keep_versions=9), "RequestSpotFleet"
    )
    # The image to go back to must still be there once it is the rollback's turn.
    parameters = without_release_only(world.parameters("v1", take_turn=True, keep_versions=9))
    back = world.zygote.start("rollback", parameters)
    wait_for("waiting: ", back)
    world.box.release(fault)
    assert process.result()["outcome"] == "released"
    assert back.result()["outcome"] == "released"
