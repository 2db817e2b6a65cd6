"""A host of releases: the shipped deployments, triggers and automations, a worker, and what a
test does to its processes."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rehearsal.prefect_local import LocalPrefect
from tests.reliability.world import World

DEPLOYMENT = "release/demo-web-app"


def eventually(look: Callable[[], Any], timeout: float, what: str) -> Any:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.3)
    raise AssertionError(f"not within {timeout:.0f} s: {what}")


def descendants(pid: int) -> list[int]:
    """Pids of all that this process started, the youngest last."""
    parents: dict[int, list[int]] = {}
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            with suppress(OSError):
                parent = int((one / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(one.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def shipped_prefect(world: World) -> Iterator[LocalPrefect]:
    """The world's server with the shipped deployments, and a worker as in the README. Afterwards
    nobody acts on what happens to a run there: other tests are about just that."""
    prefect = world.prefect
    prefect.environment.update(world.box.environment)
    prefect.environment["SPOTKILN_HOME"] = str(world.home / "spotkiln-of-worker")
    prefect.deploy()
    prefect.start_worker()
    yield prefect
    for one in world.api.post("/automations/filter", json={}).raise_for_status().json():
        world.api.delete(f"/automations/{one['id']}").raise_for_status()
    if prefect.worker.poll() is None:
        prefect.worker.terminate()
        prefect.worker.wait(30)
