"""`spotkiln worker`: told to leave, it takes no more runs and ends when those it has have ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rehearsal.runs import FINAL, Runs
from tests.reliability.host import descendants
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(600)]
DEPLOYMENT = "release/demo"
# From the request of a run to its first line, on a machine that has other things to do: imports.
STARTS_SECONDS = 45


def until_ended(runs: Runs, run: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while runs.state(run)[0] not in FINAL:
        assert time.monotonic() < deadline, runs.state(run)
        time.sleep(0.5)


def until(look: Callable[[], bool], seconds: float, what: object) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def programs_of(worker: "subprocess.Popen[bytes]") -> list[str]:
    """The Python modules that its processes run."""
    commands = []
    for pid in descendants(worker.pid):
        # One may have ended since they were listed.
        with suppress(FileNotFoundError, ProcessLookupError):
            commands.append(Path(f"/proc/{pid}/cmdline").read_text().split("\0"))
    return [command[command.index("-m") + 1] for command in commands if "-m" in command]


@pytest.fixture
def worker(world: World) -> Iterator["subprocess.Popen[bytes]"]:
    """The only one."""
    for other in world.prefect.children:
        if other is not world.prefect.server and other.poll() is None:
            other.terminate()
            other.wait(60)
    process = world.prefect.start_worker(name="leaving")
    yield process
    if process.poll() is None:
        process.kill()
        process.wait(10)


def test_it_waits_for_its_run_and_takes_no_other(
    world: World, worker: "subprocess.Popen[bytes]"
) -> None:
    """Told by Ctrl-C; by SIGTERM it is told below, while a rollback runs."""
    runs = Runs(world.prefect.address)
    fault = world.box.fault("RequestSpotFleet", "pause", nth=2, agent="spotkiln/", when="after")
    mine = runs.start(DEPLOYMENT, world.parameters("v1", "leaving"))
    world.box.wait_paused(fault, timeout=180)
    assert programs_of(worker) == ["spotkiln.cli.engine"]
    # Ctrl-C: all processes get it that the terminal knows.
    os.killpg(worker.pid, signal.SIGINT)
    # What it had asked for when it was told may still come.
    time.sleep(3)
    later = runs.start(DEPLOYMENT, world.parameters("v2", "later"))
    time.sleep(3)
    assert worker.poll() is None
    assert runs.state(mine)[0] == "RUNNING"
    world.box.release(fault)
    assert worker.wait(180) == 0
    assert runs.state(mine)[0] == "COMPLETED"
    assert runs.state(later)[0] == "SCHEDULED"
    # Nobody is to take it later.
    runs._post(f"/flow_runs/{later}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


def test_told_twice_it_ends_at_once(world: World, worker: "subprocess.Popen[bytes]") -> None:
    runs = Runs(world.prefect.address)
    fault = world.box.fault("RequestSpotFleet", "pause", nth=2, agent="spotkiln/", when="after")
    mine = runs.start(DEPLOYMENT, world.parameters("v1", "twice"))
    world.box.wait_paused(fault, timeout=180)
    worker.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert worker.poll() is None
    worker.send_signal(signal.SIGTERM)
    # Its flow is told to end, stands at the pause, and is killed half a minute later.
    worker.wait(90)
    world.box.clear_faults()
    # As the automation does that misses its heartbeat; the next release then waits for no lease.
    runs.set_state(mine, "CRASHED", force=True)
    assert "error" not in world.reconcile()


def test_killed_alone_its_run_goes_on(world: World, worker: "subprocess.Popen[bytes]") -> None:
    runs = Runs(world.prefect.address)
    fault = world.box.fault("RequestSpotFleet", "pause", nth=2, agent="spotkiln/", when="after")
    orphan = runs.start(DEPLOYMENT, world.parameters("v1", "orphan"))
    world.box.wait_paused(fault, timeout=180)
    worker.kill()
    worker.wait(10)
    time.sleep(3)
    world.box.release(fault)
    until_ended(runs, orphan)
    assert runs.state(orphan)[0] == "COMPLETED", runs.state(orphan)


def test_a_rollback_waits_for_no_slot(world: World, worker: "subprocess.Popen[bytes]") -> None:
    """Releases hold all slots and others wait for one; a rollback starts, and only has to wait for
    its turn."""
    runs = Runs(world.prefect.address)
    fault = world.box.fault("RequestSpotFleet", "pause", nth=2, agent="spotkiln/", when="after")
    # The image to go back to must still be there once it is the rollback's turn.
    kept = world.parameters("v1", "first", keep_versions=9)
    first = runs.start(DEPLOYMENT, kept)
    world.box.wait_paused(fault, timeout=180)
    slots = [runs.start(DEPLOYMENT, world.parameters("v1", f"slot {n}")) for n in range(3)]
    until(lambda: all(runs.state(run)[0] == "RUNNING" for run in slots), 120, slots)
    waiting = runs.start(DEPLOYMENT, world.parameters("v1", "no slot"))
    time.sleep(5)
    assert runs.state(waiting)[0] == "SCHEDULED"
    back = runs.start("rollback/demo", {"version": "previous"})
    started = time.monotonic()
    until(lambda: runs.state(back)[0] == "RUNNING", STARTS_SECONDS, runs.state(back))
    print(f"the rollback runs {time.monotonic() - started:.1f} s after it was asked for")
    assert runs.state(waiting)[0] == "SCHEDULED", [runs.state(run) for run in (first, *slots)]
    assert runs.state(first)[0] == "RUNNING"
    # The polite leave waits for both kinds.
    worker.send_signal(signal.SIGTERM)
    time.sleep(2)
    assert worker.poll() is None
    for run in (waiting, *slots):
        runs.set_state(run, "CANCELLED" if run == waiting else "CANCELLING", force=True)
    world.box.release(fault)
    assert worker.wait(300) == 0
    assert runs.state(first)[0] == "COMPLETED"
    assert runs.state(back)[0] == "COMPLETED", runs.state(back)
