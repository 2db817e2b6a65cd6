"""As tests/cli has it: deployments that a worker runs. There is one worker, with one slot."""

import subprocess
from collections.abc import Iterator

import pytest

from rehearsal.prefect_local import POOL
from rehearsal.runs import Runs
from tests.cli.conftest import command, world
from tests.cli.test_worker import until
from tests.reliability.world import World

__all__ = ["command", "world"]
STARTS_SECONDS = 120
ENDS_SECONDS = 90


@pytest.fixture(scope="package")
def only_worker(world: World) -> Iterator["subprocess.Popen[bytes]"]:
    process = world.prefect.start_worker(limit=1, name="asking")
    queue = f"/work_pools/{POOL}/queues/default"

    def asks() -> bool:
        return bool(world.api.get(queue).raise_for_status().json()["status"] == "READY")

    until(asks, STARTS_SECONDS, "the worker asks for work")
    yield process
    # Told twice it ends at once.
    for _ in range(2):
        if process.poll() is None:
            process.terminate()
    process.wait(ENDS_SECONDS)


@pytest.fixture
def worker(
    world: World, only_worker: "subprocess.Popen[bytes]"
) -> Iterator["subprocess.Popen[bytes]"]:
    world.box.clear_calls()
    yield only_worker
    world.box.clear_faults()
    assert only_worker.poll() is None


@pytest.fixture
def runs(world: World) -> Runs:
    return Runs(world.prefect.address)
