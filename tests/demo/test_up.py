"""`make up`: everything runs, the application that is not Rails is released by the command, and
Ctrl-C leaves nothing."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples import repositories
from examples.repositories import BUILD, ROOT
from sandbox.client import Sandbox, SandboxError
from tests.demo.test_demo import docker_answers

START_SECONDS, END_SECONDS, RELEASE_SECONDS = 420, 90, 420
READY = "Ctrl-C ends it all"


def log_of(kind: str) -> Path:
    return BUILD / f"up-{kind}.log"


@contextmanager
def up(*arguments: str, kind: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`python -m examples.up`, ready."""
    BUILD.mkdir(exist_ok=True)
    with log_of(kind).open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.up", "--port", "0", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while READY not in log_of(kind).read_text():
            assert process.poll() is None, log_of(kind).read_text()
            assert time.monotonic() < deadline, log_of(kind).read_text()
            time.sleep(0.5)
        yield process
    finally:
        # Twice: whatever it waits for.
        for patience in (5, END_SECONDS):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(patience)
                except subprocess.TimeoutExpired:
                    continue


def environment_of(folder: Path) -> dict[str, str]:
    """What it tells another terminal to use."""
    lines = (folder / "environment").read_text().splitlines()
    pairs = (shlex.split(line)[1].partition("=") for line in lines)
    return {name: value for name, _, value in pairs}


def spotkiln(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "spotkiln"), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=RELEASE_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def released(environment: dict[str, str], name: str) -> dict[str, Any]:
    done = spotkiln(environment, "release", name, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    end = dict(json.loads(done.stdout))
    assert end["outcome"] == "released"
    return end


@pytest.mark.prefect
@pytest.mark.sandbox
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "machines",
    [
        "simulated",
        pytest.param(
            "docker",
            marks=[
                pytest.mark.docker,
                pytest.mark.skipif(not docker_answers(), reason="Docker does not answer"),
            ],
        ),
    ],
)
def test_up_releases_an_application_that_is_not_rails(machines: str) -> None:
    with up("--machines", machines, kind=machines, environment=dict(os.environ)) as process:
        box = Sandbox.attach(BUILD / "up-sandbox")
        environment = environment_of(BUILD / "up")
        end = released(environment, "dice")
        commit = repositories.commits(repositories.DICE, {"v1"})["v1"]
        assert commit.startswith(end["commit"])
        address = box.load_balancer("dice")
        assert commit[:12] in httpx.get(address).raise_for_status().text
        if machines == "docker":
            thrown = httpx.get(f"{address}/throw?sides=20").raise_for_status().json()
            assert thrown["sides"] == 20
            assert 1 <= thrown["value"] <= 20
            assert httpx.get(f"{address}/throw?sides=1").status_code == 400
        status = json.loads(spotkiln(environment, "status", "dice", "--json").stdout)
        assert [one["health"] for one in status["servers"]] == ["healthy", "healthy"]
        said = log_of(machines).read_text()
        if receiver := re.search(r"receiver +(\S+),", said):
            assert httpx.get(f"{receiver[1]}/health").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(END_SECONDS) == 0, log_of(machines).read_text()
    with pytest.raises(SandboxError):
        Sandbox.attach(BUILD / "up-sandbox")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{environment['PREFECT_API_URL']}/health")
