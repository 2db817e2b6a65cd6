"""What happens to Prefect itself: its server restarted, a run cancelled or killed under a worker, a
host lost. With the shipped deployments, triggers and automations."""

import signal
import time
from collections.abc import Iterator

import pytest

from rehearsal.prefect_local import LocalPrefect
from rehearsal.runs import FINAL, Runs
from tests.reliability.conftest import long
from tests.reliability.host import (
    DEPLOYMENT,
    descendants,
    eventually,
    kill_all,
    shipped_prefect,
)
from tests.reliability.load import Load
from tests.reliability.world import World

pytestmark = [long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def host(running_world: World) -> Iterator[LocalPrefect]:
    with shipped_prefect(running_world) as prefect:
        yield prefect


def started_through_the_worker(world: World, host: LocalPrefect, variant: str) -> tuple[str, str]:
    """A release that stands right after RequestSpotFleet: its run and the pause."""
    fault = world.box.fault("RequestSpotFleet", "pause", nth=2, agent="spotkiln/", when="after")
    run = Runs(host.address).start(DEPLOYMENT, world.parameters("v2", variant))
    world.box.wait_paused(fault, timeout=180)
    return run, fault


def reconciled(world: World, host: LocalPrefect, timeout: float) -> float:
    """Seconds until a reconcile that nobody here started has left nothing."""
    begin = time.monotonic()

    def clean() -> bool:
        return not world.account.look().problems()

    eventually(clean, timeout, "a triggered reconcile that leaves nothing")
    return time.monotonic() - begin


def test_a_run_killed_under_a_worker_is_reconciled_by_the_trigger(
    world: World, host: LocalPrefect, load: Load
) -> None:
    run, _ = started_through_the_worker(world, host, "crash")
    kill_all(descendants(host.worker.pid))
    world.box.clear_faults()
    runs = Runs(host.address)
    eventually(lambda: runs.state(run)[0] == "CRASHED", 30, "Crashed")
    print(f"crashed: nothing left {reconciled(world, host, 120):.0f} s later")
    assert load.failures == []


def test_a_cancelled_run_leaves_nothing(world: World, host: LocalPrefect, load: Load) -> None:
    run, fault = started_through_the_worker(world, host, "cancel")
    runs = Runs(host.address)
    runs.set_state(run, "CANCELLING")
    begin = time.monotonic()
    time.sleep(1)
    world.box.release(fault)
    eventually(lambda: runs.state(run)[0] in FINAL, 90, "an end")
    assert runs.state(run)[0] == "CANCELLED"
    print(f"cancelled within {time.monotonic() - begin:.0f} s")
    print(f"nothing left {reconciled(world, host, 120):.0f} s later")
    assert load.failures == []


def test_a_restart_of_the_server_in_the_gate_does_not_end_a_release(
    world: World, host: LocalPrefect, load: Load
) -> None:
    process = world.start("v2", "restart")
    eventually(lambda: "health gate" in process.log(), 90, "the gate")
    # The gate goes on looking while nobody answers at Prefect's address.
    fault = world.box.fault("DescribeTargetHealth", "pause", agent="spotkiln/", when="before")
    world.box.wait_paused(fault)
    host.server.send_signal(signal.SIGKILL)
    host.server.wait(10)
    world.box.release(fault)
    time.sleep(3)
    host.start_server()
    host.wait_for_server()
    assert process.result(180)["outcome"] == "released", process.tail()
    assert world.settled().problems() == []
    assert load.failures == []


def test_a_lost_host_is_noticed_and_what_it_made_is_undone(
    world: World, host: LocalPrefect, load: Load
) -> None:
    """Worker and flow vanish; another worker is there to run what the trigger starts."""
    eventually(lambda: host.worker.poll() is None, 5, "the worker")
    run, _ = started_through_the_worker(world, host, "host")
    # A run that has never beaten cannot be missed.
    time.sleep(35)
    begin = time.monotonic()
    kill_all([host.worker.pid, *descendants(host.worker.pid)])
    host.worker.wait(10)
    world.box.clear_faults()
    host.start_worker()
    runs = Runs(host.address)
    eventually(lambda: runs.state(run)[0] == "CRASHED", 240, "Crashed for want of a heartbeat")
    print(f"lost host: crashed after {time.monotonic() - begin:.0f} s")
    print(f"nothing left {reconciled(world, host, 120):.0f} s later")
    assert load.failures == []
