"""Moments of a release with real machines, what is done to it then, and what must be so after."""

import subprocess
import time
from pathlib import Path
from typing import Any

from rehearsal.prefect_local import LocalPrefect
from rehearsal.runs import FINAL, Runs
from tests.reliability.host import DEPLOYMENT, descendants, eventually, kill_all
from tests.reliability.world import World

GATE = {"polls": 1}
# Something that can be seen from outside, and that does not end by itself.
ENDLESS = "touch /tmp/provisioning && sleep 900"
# As they call themselves to AWS.
PRODUCT, PACKER = "spotkiln/", "aws-sdk-go/"
# A busy server may tell the trigger late.
CLEAN_SECONDS = 240.0


def pause(world: World, operation: str, when: str, *, agent: str = PRODUCT, nth: int = 1) -> str:
    """Whoever makes this call next is left standing at it."""
    return world.box.fault(operation, "pause", nth=nth, agent=agent, when=when)


def start(world: World, variant: str = "", **app: Any) -> str:
    """A release through the worker, of the image that serves unless told otherwise; its run."""
    parameters = world.parameters("v1", variant, gate=GATE)
    parameters["app"] |= app
    return Runs(world.prefect.address).start(DEPLOYMENT, parameters)


def start_in_gate(world: World) -> tuple[str, str]:
    """A release that stands at the gate's first look; its run and the pause."""
    fault = pause(world, "DescribeTargetHealth", "before")
    run = start(world)
    world.box.wait_paused(fault, 120)
    return run, fault


def wait_for_provisioning(world: World) -> None:
    """Until Packer runs the build in its machine."""

    def builds() -> bool:
        names = world.box.inventory()["containers"]["ids"]
        look = ["test", "-e", "/tmp/provisioning"]
        commands = [["docker", "exec", name, *look] for name in names]
        return any(
            subprocess.run(one, capture_output=True, check=False).returncode == 0
            for one in commands
        )

    eventually(builds, 180, "Packer's provisioning")


# -- faults --


def kill_flow(world: World, host: LocalPrefect, run: str, *, packer_too: bool = True) -> None:
    """SIGKILL to all that the worker started; without `packer_too` Packer is spared. What stands
    at a call is dropped with it."""
    doomed = descendants(host.worker.pid)
    spared = [pid for pid in doomed if comm(pid) == "packer"]
    kill_all([pid for pid in doomed if packer_too or pid not in spared])
    for fault in world.box.faults():
        world.box.release(fault["id"], drop=True)
    world.box.clear_faults()
    state = Runs(host.address).state
    eventually(lambda: state(run)[0] == "CRASHED", 60, "the worker to say Crashed")


def comm(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def ends(host: LocalPrefect, run: str, timeout: float = 240) -> str:
    state = Runs(host.address).state
    eventually(lambda: state(run)[0] in FINAL, timeout, f"the end of run {run}")
    return state(run)[0]


# -- what must be so --


def nothing_left(world: World, fleet: str) -> None:
    """Once the reconcile that the trigger started has ended: all is as it was, and this serves."""
    begin = time.monotonic()
    seen: list[str] = []

    def clean() -> bool:
        seen[:] = world.account.look().problems()
        return not seen

    try:
        eventually(clean, CLEAN_SECONDS, "that nothing is left")
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen}") from None
    assert world.account.look().fleet == fleet
    print(f"nothing left {time.monotonic() - begin:.0f} s later")
