"""Faults at chosen moments with everything real: Packer, machines that boot systemd, a Prefect
server, flows under a worker; a steady load through the load balancer all along.

Two of them in `make test`; LONG=1 plays them all (`make torture`).
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial

import pytest

from rehearsal.prefect_local import LocalPrefect
from rehearsal.runs import Runs
from spotkiln.account.roles import WORKER
from spotkiln.release.server_statements import SERVER
from tests.reliability.conftest import long
from tests.reliability.host import eventually, shipped_prefect
from tests.reliability.load import Load
from tests.reliability.moments import (
    ENDLESS,
    GATE,
    PACKER,
    PRODUCT,
    ends,
    kill_flow,
    nothing_left,
    pause,
    start,
    start_in_gate,
    wait_for_provisioning,
)
from tests.reliability.test_spot import first_instance_of_a_second_fleet
from tests.reliability.world import World


def docker_answers() -> bool:
    if shutil.which("docker") is None or shutil.which("packer") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.docker,
    pytest.mark.real,
    pytest.mark.prefect,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not docker_answers(), reason="no Docker or no Packer: no real machines"),
]

# As quick as AWS allows.
GROUPS = {"target_groups": [{"name": "website", "interval": 5, "deregistration_delay": 3}]}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """v1 serves, baked by real Packer, with the worker's rights alone."""
    home = tmp_path_factory.mktemp("real")
    with World(home, machines="docker", account=GROUPS) as world:
        process = world.start("v1", gate=GATE)
        made = process.result(600)
        told = world.box.rights().get(WORKER)
        assert made.get("outcome") == "released", (made, told, process.tail())
        yield world


@pytest.fixture
def world(real: World) -> Iterator[World]:
    yield real
    real.box.clear_faults()


@pytest.fixture
def load(real: World) -> Iterator[Load]:
    with Load(real.box.load_balancer("website")) as load:
        yield load
    assert load.failures == []
    assert load.sent


@pytest.fixture(scope="module")
def host(real: World) -> Iterator[LocalPrefect]:
    with shipped_prefect(real) as prefect:
        yield prefect


# -- in `make test`: without a worker, one reconcile by hand --


def test_a_host_lost_in_packers_provisioning(world: World, load: Load) -> None:
    serving = world.account.look().fleet
    parameters = world.parameters("v1", gate=GATE)
    parameters["app"]["build"] = ENDLESS
    process = world.zygote.start("release", parameters)
    wait_for_provisioning(world)
    process.kill(packer_too=True)
    world.report_crashed(process)
    assert any("container" in one for one in world.account.look().problems())
    assert "error" not in world.reconcile()
    nothing_left(world, serving)


def test_a_machine_killed_in_the_gate_is_replaced(world: World, load: Load) -> None:
    fault = pause(world, "DescribeTargetHealth", "before")
    process = world.start("v1", gate=GATE)
    world.box.wait_paused(fault, 120)
    lost = first_instance_of_a_second_fleet(world)
    world.box.kill_machine(lost)
    world.box.release(fault)
    result = process.result(300)
    assert result["outcome"] == "released", process.tail()
    assert lost not in world.account.look().members
    nothing_left(world, result["fleet"])


def test_each_serving_machine_interrupted_in_turn(world: World, load: Load) -> None:
    """It leaves the target group by itself, within its notice: no request fails."""
    before = world.account.look()
    for one in before.members:
        world.box.interrupt(one, notice_seconds=30)
        eventually(partial(has_left, world, one), 20, "it to leave")
        assert one in world.account.look().members, "it left because it had ended"
        eventually(partial(replaced, world, one), 150, "a replacement")
    truth = world.account.look()
    assert truth.fleet == before.fleet
    assert not {*truth.members} & {*before.members}


def asked_by(world: World, role: str) -> set[str]:
    """The rights that were asked for; none was refused."""
    told = world.box.rights()[role]
    assert told["refused"] == []
    return {one["action"] for one in told["allowed"]}


def test_real_packer_needs_no_more_than_it_is_allowed(world: World) -> None:
    """It asks for more than its stand-in (tests/release/test_rights.py)."""
    assert "ec2:DescribeRegions" in asked_by(world, WORKER)


def test_servers_need_no_more_than_their_role_is_said_to(world: World) -> None:
    assert asked_by(world, "website") <= {x for one in SERVER for x in one.actions}


def has_left(world: World, machine: str) -> bool:
    return machine not in world.account.targets("website")


def replaced(world: World, lost: str) -> bool:
    truth = world.account.look()
    return lost not in truth.members and not truth.problems()


# -- in `make torture`: under a worker, reconciled by the shipped trigger --


@long
def test_packers_flow_killed_in_the_provisioning(
    world: World, host: LocalPrefect, load: Load
) -> None:
    """The flow alone: Packer hears of it and removes its machine itself."""
    serving = world.account.look().fleet
    run = start(world, build=ENDLESS)
    wait_for_provisioning(world)
    kill_flow(world, host, run, packer_too=False)
    nothing_left(world, serving)


@long
def test_killed_in_the_provisioning(world: World, host: LocalPrefect, load: Load) -> None:
    serving = world.account.look().fleet
    run = start(world, build=ENDLESS)
    wait_for_provisioning(world)
    kill_flow(world, host, run)
    nothing_left(world, serving)


@long
def test_killed_while_the_image_is_being_made(world: World, host: LocalPrefect, load: Load) -> None:
    serving = world.account.look().fleet
    fault = pause(world, "CreateImage", "after", agent=PACKER)
    run = start(world, build="true")
    world.box.wait_paused(fault, 240)
    kill_flow(world, host, run)
    nothing_left(world, serving)


@long
def test_killed_between_the_fleets_request_and_its_answer(
    world: World, host: LocalPrefect, load: Load
) -> None:
    serving = world.account.look().fleet
    # A trial of the call comes before it.
    fault = pause(world, "RequestSpotFleet", "after", nth=2)
    run = start(world)
    world.box.wait_paused(fault, 120)
    assert len(world.account.fleets()) == 2
    kill_flow(world, host, run)
    nothing_left(world, serving)


@long
def test_killed_in_the_gate(world: World, host: LocalPrefect, load: Load) -> None:
    serving = world.account.look().fleet
    run, _ = start_in_gate(world)
    kill_flow(world, host, run)
    nothing_left(world, serving)


@long
def test_killed_between_deregistering_and_terminating(
    world: World, host: LocalPrefect, load: Load
) -> None:
    """The new fleet serves already: it stays, and the old one's retirement is finished."""
    old = world.account.look().fleet
    fault = pause(world, "TerminateInstances", "before")
    run = start(world)
    world.box.wait_paused(fault, 240)
    new = [x["SpotFleetRequestId"] for x in world.account.serving()]
    assert old not in new
    kill_flow(world, host, run)
    nothing_left(world, new[0])


@long
def test_killed_in_the_roll_back(world: World, host: LocalPrefect, load: Load) -> None:
    """Of a release that AWS refuses the gate's looks."""
    serving = world.account.look().fleet
    world.box.fault(
        "DescribeTargetHealth", "error", agent=PRODUCT, code="UnauthorizedOperation", status=403
    )
    fault = pause(world, "CancelSpotFleetRequests", "after")
    run = start(world)
    world.box.wait_paused(fault, 180)
    kill_flow(world, host, run)
    nothing_left(world, serving)


@long
def test_a_worker_told_to_end_in_the_gate_lets_the_release_end(
    world: World, host: LocalPrefect, load: Load
) -> None:
    run, fault = start_in_gate(world)
    host.worker.send_signal(signal.SIGTERM)
    world.box.release(fault)
    assert ends(host, run) == "COMPLETED"
    host.worker.wait(60)
    host.start_worker()
    nothing_left(world, world.account.look().fleet)


@long
def test_a_worker_told_twice_to_end_in_the_gate_ends_at_once(
    world: World, host: LocalPrefect, load: Load
) -> None:
    """Its flow ends with it, not unwound, and Prefect still takes the run for running."""
    serving = world.account.look().fleet
    run, _ = start_in_gate(world)
    for _ in range(2):
        host.worker.send_signal(signal.SIGTERM)
        time.sleep(1)
    host.worker.wait(60)
    world.box.clear_faults()
    host.start_worker()
    # As the shipped automation does for want of heartbeats (test_prefect.py waits for it).
    Runs(host.address).set_state(run, "CRASHED", force=True)
    nothing_left(world, serving)


@long
def test_cancelled_while_packer_provisions(world: World, host: LocalPrefect, load: Load) -> None:
    serving = world.account.look().fleet
    run = start(world, build=ENDLESS)
    wait_for_provisioning(world)
    Runs(host.address).set_state(run, "CANCELLING")
    assert ends(host, run) == "CANCELLED"
    nothing_left(world, serving)


@long
def test_cancelled_in_the_gate(world: World, host: LocalPrefect, load: Load) -> None:
    serving = world.account.look().fleet
    run, fault = start_in_gate(world)
    Runs(host.address).set_state(run, "CANCELLING")
    time.sleep(1)
    world.box.release(fault)
    assert ends(host, run) == "CANCELLED"
    nothing_left(world, serving)


@long
def test_the_server_killed_and_restarted_in_the_gate(
    world: World, host: LocalPrefect, load: Load
) -> None:
    run, fault = start_in_gate(world)
    host.server.send_signal(signal.SIGKILL)
    host.server.wait(10)
    world.box.release(fault)
    time.sleep(3)
    host.start_server()
    host.wait_for_server()
    assert ends(host, run) == "COMPLETED"
    nothing_left(world, world.account.look().fleet)


@long
def test_after_all_of_it_the_next_release_succeeds(
    world: World, host: LocalPrefect, load: Load
) -> None:
    """Baked anew."""
    old = world.account.look().fleet
    assert ends(host, start(world, "next"), 600) == "COMPLETED"
    new = world.account.look().fleet
    assert new != old
    nothing_left(world, new)
