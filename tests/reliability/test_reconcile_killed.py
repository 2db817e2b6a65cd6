"""Reconcile itself is killed at each of its changing calls; the next one finishes."""

import time

import pytest

from tests.reliability.conftest import long
from tests.reliability.flow_process import FlowProcess
from tests.reliability.load import Load
from tests.reliability.matrix import PRODUCT, changes
from tests.reliability.test_together import paused_at
from tests.reliability.world import World

pytestmark = [long, pytest.mark.timeout(1200)]
AGENT = PRODUCT


def kill_a_release(world: World, variant: str) -> None:
    """Right after its fleet was requested: everything that it makes is there."""
    process, _ = paused_at(world, lambda: world.start("v2", variant), "RequestSpotFleet")
    process.kill(packer_too=True)
    world.box.clear_faults()
    world.report_crashed(process)


def until_paused(world: World, process: FlowProcess, fault: str) -> bool:
    while not process.ended.is_set():
        if any(one["id"] == fault and one["waiting"] for one in world.box.faults()):
            return True
        time.sleep(0.05)
    return False


def test_a_killed_reconcile_is_finished_by_the_next(world: World, load: Load) -> None:
    kill_a_release(world, "recorded")
    world.box.clear_calls()
    assert world.reconcile()["actions"]
    calls = list(changes(world.box.calls()))
    assert {"CancelSpotFleetRequests", "DeregisterImage"} <= {one["operation"] for one in calls}
    problems = []
    for number, call in enumerate(calls):
        name = f"{call['operation']} #{call['nth']}"
        kill_a_release(world, f"k{number}")
        fault = world.box.fault(
            call["operation"], "pause", nth=call["nth"], agent=AGENT, when="after"
        )
        process = world.zygote.start("reconcile", {})
        if not until_paused(world, process, fault):
            problems.append(f"{name}: was not made: {process.result()}")
            continue
        process.kill()
        world.box.clear_faults()
        world.report_crashed(process)
        result = world.reconcile()
        found = world.settled().problems() + load.take_failures()
        print(f"reconcile killed after {name}: {result}")
        problems += [f"{name}: {one}" for one in found]
    assert problems == []
