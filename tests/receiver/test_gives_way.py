"""Of several waiting pushes of a branch only the newest is released: real flows, the sandbox."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from spotkiln.keep.lease import DURATION, Lease, Stage
from tests.cli.conftest import deploy
from tests.receiver.service import Server, Service
from tests.reliability.flow_process import ROOT
from tests.reliability.world import World

ZEROS = "0" * 40

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A deployment that listens to the branch `main`."""
    with World(tmp_path_factory.mktemp("waiting"), prefect=server.prefect) as world:
        world.api.post("/work_pools/", json={"name": "spotkiln", "type": "process"})
        deploy(
            world,
            "release",
            {**world.parameters("v1"), "force": False},
            ["push:branch=main"],
        )
        yield world


@pytest.fixture
def receiver(world: World, tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path, {**os.environ, **world.prefect.environment}) as service:
        yield service


def commit_of(world: World, ref: str) -> str:
    command = ["git", "-C", str(world.repository), "rev-parse", f"{ref}^{{commit}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run_of(world: World, run: str) -> dict[str, Any]:
    return dict(world.api.get(f"/flow_runs/{run}").raise_for_status().json())


@contextmanager
def executed(world: World, run: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The run's own process."""
    environment = {
        **world.prefect.environment,
        **world.box.environment,
        "SPOTKILN_HOME": str(world.home / "spotkiln"),
    }
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.receiver.execute", run],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(10)


def wait_for(text: str, log: Path, timeout: float = 90) -> None:
    deadline = time.monotonic() + timeout
    while text not in log.read_text(errors="replace"):
        assert time.monotonic() < deadline, f"{text!r} was never said:\n{log.read_text()[-3000:]}"
        time.sleep(0.2)


def pushed(receiver: Service, world: World, before: str, after: str) -> str:
    answer = receiver.push(str(world.repository), "main", before, after)
    assert answer.status_code == 202, answer.text
    (run,) = answer.json()["runs"]
    return str(run["id"])


@contextmanager
def held(world: World) -> Iterator[None]:
    """Another release holds the target group."""
    now = datetime.now(UTC)
    until, stage = now + DURATION, Stage.LAUNCHED
    lease = Lease(release="holder", run=str(uuid4()), ticket=now, until=until, stage=stage)
    group = world.account.group_arn("website")
    tags = [{"Key": lease.key, "Value": lease.to_tag()}]
    world.account.elbv2.add_tags(ResourceArns=[group], Tags=tags)
    try:
        yield
    finally:
        world.account.elbv2.remove_tags(ResourceArns=[group], TagKeys=[lease.key])


def test_a_release_that_waits_gives_way_to_a_newer_push(
    world: World, receiver: Service, tmp_path: Path
) -> None:
    first, second = commit_of(world, "v1"), commit_of(world, "v2")
    older = pushed(receiver, world, ZEROS, first)
    log = tmp_path / "older.log"
    with executed(world, older, log) as process:
        with held(world):
            wait_for("holder is before us at website", log)
            newer = pushed(receiver, world, first, second)
            assert run_of(world, older)["state"]["type"] == "RUNNING"
        assert process.wait(90) == 0, log.read_text()[-3000:]
    assert run_of(world, older)["state"]["type"] == "COMPLETED"
    assert run_of(world, newer)["state"]["type"] == "SCHEDULED"
    # Nothing was built or launched for it.
    assert world.account.look().stray == []
    assert world.account.fleets() == []
    artifacts = world.api.post("/artifacts/filter", json={"sort": "CREATED_DESC"}).json()
    page, row = ([x for x in artifacts if x["type"] == kind] for kind in ("markdown", "table"))
    assert "superseded" in page[0]["data"].splitlines()[0]
    (told,) = json.loads(row[0]["data"])
    assert told["outcome"] == "superseded"
    assert told["cause"] == f"gave way to run {newer} of a newer push"
