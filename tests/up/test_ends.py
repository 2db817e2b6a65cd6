"""`make up`, ended in four ways, a second one beside it, and the next one after it; with simulated
machines. A start costs as much as several releases: one home and four starts carry most of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.repositories import ROOT
from examples.up.alone import MARK
from rehearsal.account import client
from rehearsal.prefect_client import client_of
from rehearsal.processes import kill, marked
from sandbox.client import Sandbox, SandboxError
from sandbox.process.keeper import EVERY_SECONDS
from tests.demo.test_up import (
    READY,
    assert_private,
    environment_of,
    parameters,
    released,
    spotkiln,
)

pytestmark = [pytest.mark.prefect, pytest.mark.sandbox, pytest.mark.timeout(900)]

START_SECONDS, END_SECONDS = 300, 90
APP = "demo-web-app"


class Up:
    """One after another, of the same folder."""

    def __init__(self, build: Path) -> None:
        self.build = build
        self.home = build / "up"
        self.count = 0

    def start(self, *arguments: str, ready: bool = True) -> subprocess.Popen[bytes]:
        self.count += 1
        with self.log.open("wb") as out:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "examples.up", "--machines", "simulated"),
                    *("--port", "0", "--receiver-port", "0", *arguments),
                ],
                cwd=ROOT,
                env={**os.environ, "SPOTKILN_BUILD": str(self.build)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # As a terminal starts it: it has a group of its own.
                process_group=0,
            )
        deadline = time.monotonic() + START_SECONDS
        while ready and READY not in self.said:
            assert process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.3)
        return process

    @property
    def log(self) -> Path:
        return self.build / f"up-{self.count}.log"

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.home)

    def left(self) -> dict[int, str]:
        return marked(MARK, str(self.home))

    def nothing_is_left(self) -> None:
        assert self.left() == {}
        assert not (self.home / "environment").exists()
        assert not (self.home / "running.json").exists()
        with pytest.raises(SandboxError):
            Sandbox.attach(self.build / "up-simulated")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    one = Up(tmp_path)
    yield one
    kill(MARK, str(one.home))


def runs(environment: dict[str, str]) -> list[dict[str, Any]]:
    address = environment["PREFECT_API_URL"].removesuffix("/api")
    with client_of(address, environment["PREFECT_API_AUTH_STRING"]) as prefect:
        found: list[dict[str, Any]] = prefect.post("/flow_runs/filter", json={}).json()
    return found


def release(environment: dict[str, str], name: str) -> dict[str, Any]:
    done = spotkiln(environment, "release", name, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def until_healthy(box: Sandbox, group: str, servers: int, deadline: float) -> None:
    """As the load balancer finds them."""
    balancing = client(box, "elbv2")
    (found,) = balancing.describe_target_groups(Names=[group])["TargetGroups"]
    while True:
        health = balancing.describe_target_health(TargetGroupArn=found["TargetGroupArn"])
        states = [one["TargetHealth"]["State"] for one in health["TargetHealthDescriptions"]]
        if states.count("healthy") >= servers:
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.3)


def serves(up: Up, name: str, group: str, servers: int) -> None:
    """As the command tells it. To ask it costs more than a second of processor time, so it is asked
    once the load balancer finds them healthy."""
    deadline = time.monotonic() + 120
    until_healthy(Sandbox.attach(up.build / "up-simulated"), group, servers, deadline)
    while True:
        status = json.loads(spotkiln(up.environment, "status", name, "--json").stdout)
        health = [one["health"] for one in status["servers"]]
        if health == ["healthy"] * servers:
            return
        assert time.monotonic() < deadline, health
        time.sleep(1)


def a_second_one_harms_nothing(up: Up, first: subprocess.Popen[bytes]) -> None:
    environment, before = up.environment, up.left()
    second = up.start(ready=False)
    assert second.wait(60) == 0
    assert f"runs here already (pid {first.pid})" in up.said
    assert environment["PREFECT_API_URL"].removesuffix("/api") in up.said
    assert f". {up.home / 'environment'}" in up.said
    assert up.left().keys() >= before.keys()
    assert up.environment == environment
    assert httpx.get(f"{environment['PREFECT_API_URL']}/health").status_code == 200


def a_later_deployment_finds_its_account(up: Up, log: Path, shop: Path) -> None:
    """A user's own prefect.yaml, deployed while it runs."""
    shop.mkdir()
    (shop / "spotkiln.yaml").write_text(
        "build: 'true'\ntest: 'true'\nstart: ./serve\nport: 8000\nhealth_path: /healthz\n"
    )
    environment = up.environment
    address = environment["PREFECT_API_URL"].removesuffix("/api")
    with client_of(address, environment["PREFECT_API_AUTH_STRING"]) as prefect:
        flow = prefect.post("/flows/", json={"name": "release"}).json()["id"]
        body = {
            "name": "shop-staging",
            "flow_id": flow,
            "parameters": {
                "app": {"name": "shop", "repository": str(shop), "ref": "main"},
                "infra": {"target_group": "shop-staging", "instance_profile": "shop-staging"},
                "configuration": {"parameters": ["/shop/staging/"]},
            },
        }
        prefect.post("/deployments/", json=body).raise_for_status()
    deadline = time.monotonic() + 30
    made = "target group shop-staging: made: port 8000, health at /healthz, http://"
    while made not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.3)
    assert "instance profile shop-staging: made, reads /shop/staging/" in log.read_text()


def state(up: Up, run: str) -> str:
    return str(next(one["state_type"] for one in runs(up.environment) if one["id"] == run))


def begin_a_release(up: Up, name: str) -> str:
    """Its run, which runs."""
    started = spotkiln(up.environment, "release", name, "--no-follow", "--json")
    assert started.returncode == 0, started.stdout + started.stderr
    run = str(json.loads(started.stdout)["run"])
    deadline = time.monotonic() + 60
    while state(up, run) != "RUNNING":
        assert time.monotonic() < deadline, state(up, run)
        time.sleep(0.3)
    return run


def end(up: Up, process: subprocess.Popen[bytes], log: Path, number: int) -> None:
    """To all of its terminal's, as a terminal does it."""
    os.killpg(process.pid, number)
    assert process.wait(END_SECONDS) == 0, log.read_text()
    up.nothing_is_left()


def goes_on(up: Up, known: set[str]) -> None:
    """Prefect's history and what was released are there again."""
    assert "goes on with what the last sandbox left" in up.said
    assert known <= {run["id"] for run in runs(up.environment)}
    serves(up, f"{APP}-staging", "website-staging", 1)
    serves(up, APP, "website", 2)


def start_in_a_terminal_that_goes(up: Up, *arguments: str) -> subprocess.Popen[bytes]:
    """What it says afterwards can be written nowhere."""
    read, write = os.pipe()
    command = [sys.executable, "-m", "examples.up", "--machines", "simulated", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--receiver-port", "0", *arguments],
        cwd=ROOT,
        env={**os.environ, "SPOTKILN_BUILD": str(up.build)},
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=write,
        process_group=0,
    )
    os.close(write)
    said, deadline = b"", time.monotonic() + START_SECONDS
    while READY.encode() not in said:
        assert time.monotonic() < deadline, said
        said += os.read(read, 65536)
    os.close(read)
    return process


def test_it_is_ended_in_four_ways_and_the_next_one_goes_on(up: Up, tmp_path: Path) -> None:
    """Only processes and machines go. A run whose worker was killed is shown as crashed; what is
    asked to be forgotten is; a terminal that is gone stops no cleaning up."""
    process, log = up.start(), up.log
    first = up.environment
    # What it says is ready takes pushes at once.
    assert (receiver := re.search(r"receiver +(\S+),", up.said))
    assert httpx.get(f"{receiver[1]}/health").status_code == 200
    assert_private(up.home, first["PREFECT_API_URL"])
    assert f"/{APP}/staging/GREETING" in parameters(first)
    staging, production = released(first, f"{APP}-staging"), released(first, APP)
    # One image, two environments.
    assert staging["image"] == production["image"]
    served = httpx.get(Sandbox.attach(up.build / "up-simulated").load_balancer("website"))
    assert production["commit"][:12] in served.raise_for_status().text
    known = {run["id"] for run in runs(first) if not run["auto_scheduled"]}
    assert len(known) >= 2
    a_second_one_harms_nothing(up, process)
    a_later_deployment_finds_its_account(up, log, tmp_path / "shop")
    assert first["PREFECT_API_AUTH_STRING"] not in log.read_text()
    end(up, process, log, signal.SIGTERM)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{first['PREFECT_API_URL']}/health")

    process = up.start()
    goes_on(up, known)
    lost = begin_a_release(up, "dice")
    time.sleep(EVERY_SECONDS + 1)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(END_SECONDS) == -signal.SIGKILL
    assert up.left(), "servers and workers have groups of their own"

    process = up.start()
    assert "the last one was killed: ending what it left" in up.said
    assert "runs that had lost their worker, and are shown as crashed: " in up.said
    assert state(up, lost) == "CRASHED"
    goes_on(up, known)
    assert release(up.environment, APP)["outcome"] == "unchanged"
    end(up, process, up.log, signal.SIGINT)

    if os.environ.get("LONG"):
        # These end it in the same way as SIGTERM.
        for number in (signal.SIGHUP, signal.SIGINT):
            process = up.start()
            goes_on(up, known)
            end(up, process, up.log, number)

    process = start_in_a_terminal_that_goes(up, "--fresh")
    assert known.isdisjoint({run["id"] for run in runs(up.environment)})
    assert json.loads(spotkiln(up.environment, "status", APP, "--json").stdout)["servers"] == []
    end(up, process, up.log, signal.SIGHUP)


def test_while_it_starts_ctrl_c_ends_it_at_once(up: Up) -> None:
    process = up.start(ready=False)
    deadline = time.monotonic() + 60
    while len(up.left()) < 3:
        assert time.monotonic() < deadline, up.said
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(END_SECONDS) == 128 + signal.SIGINT
    up.nothing_is_left()


def test_a_port_that_is_taken_is_told_before_anything_starts(up: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = up.start("--port", str(port), ready=False)
        assert process.wait(60) == 2
    assert f"port {port} is taken (pid {os.getpid()}, " in up.said
    assert "choose another one for the Prefect UI by UI_PORT=PORT" in up.said
    assert "starting" not in up.said
