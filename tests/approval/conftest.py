"""As tests/cli has it: deployments that a worker runs."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from rehearsal.runs import Runs
from tests.cli.conftest import command, world
from tests.reliability.world import World

__all__ = ["command", "world"]


@pytest.fixture(scope="package")
def asking(world: World) -> Iterator["subprocess.Popen[bytes]"]:
    """The only worker, with two slots."""
    for other in world.prefect.children:
        if other is not world.prefect.server and other.poll() is None:
            other.terminate()
            other.wait(60)
    process = world.prefect.start_worker(limit=2, name="asking")
    yield process
    for told in range(2):
        if process.poll() is None:
            process.terminate()
            time.sleep(told)
    process.wait(90)


@pytest.fixture
def worker(world: World, asking: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    world.box.clear_calls()
    yield asking
    world.box.clear_faults()


@pytest.fixture
def runs(world: World) -> Runs:
    return Runs(world.prefect.address)
