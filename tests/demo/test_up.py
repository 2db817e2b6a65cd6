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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples import repositories
from examples.repositories import ROOT
from rehearsal.account import ensure_base_image, start_sandbox
from rehearsal.prefect_local import BUILD
from rehearsal.runs import Runs
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
    command = f". {shlex.quote(str(folder / 'environment'))} && env -0"
    done = subprocess.run(["bash", "-c", command], env={}, capture_output=True, check=True)
    pairs = (one.partition("=") for one in done.stdout.decode().split("\0") if one)
    return {name: value for name, _, value in pairs if name not in {"_", "PWD", "SHLVL"}}


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


def parameters(environment: dict[str, str]) -> str:
    """What the sandbox's own command shows of its Parameter Store."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "parameters"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


def released(environment: dict[str, str], name: str) -> dict[str, Any]:
    done = spotkiln(environment, "release", name, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    end = dict(json.loads(done.stdout))
    assert end["outcome"] == "released"
    return end


def reach_a_server(environment: dict[str, str]) -> None:
    """`spotkiln ssh`, with the key that the environment names: arguments arrive as they are, and
    the command's end is ssh's."""
    told = spotkiln(environment, "ssh", "dice", "--", "printf", "%s\n", "a  b", "$HOME", "*")
    assert (told.returncode, told.stdout) == (0, "a  b\n$HOME\n*\n"), told.stderr
    assert re.fullmatch(r"i-[0-9a-f]+ \(healthy\)", told.stderr.splitlines()[0])
    unit = spotkiln(environment, "ssh", "dice", "--", "systemctl", "is-active", "dice")
    assert (unit.returncode, unit.stdout) == (0, "active\n"), unit.stderr
    assert spotkiln(environment, "ssh", "dice", "--", "sh", "-c", "exit 7").returncode == 7
    servers = json.loads(spotkiln(environment, "status", "dice", "--json").stdout)["servers"]
    other = max(one["instance"] for one in servers)
    named = spotkiln(environment, "ssh", "dice", "--instance", other, "--", "hostname")
    assert named.returncode == 0
    assert named.stderr.startswith(other)


def assert_private(home: Path, address: str) -> None:
    """Nobody but this user may start runs: nor read what is needed for it."""
    body: dict[str, object] = {}
    assert httpx.post(f"{address}/deployments/filter", json=body).status_code in {401, 403}
    assert httpx.get(f"{address}/csrf-token", params={"client": "x"}).status_code == 401
    for file in (home, home / "password", home / "environment", home / "push-secret"):
        assert file.stat().st_mode & 0o077 == 0, file
    password = (home / "password").read_text().strip()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            assert password.encode() not in (process / "cmdline").read_bytes()
    for log in (home / "prefect").glob("*.log"):
        assert password not in log.read_text()


@pytest.mark.docker
@pytest.mark.prefect
@pytest.mark.sandbox
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not docker_answers(), reason="Docker does not answer")
def test_up_releases_an_application_that_is_not_rails() -> None:
    """tests/up does the same with simulated machines, and an application that is Rails."""
    # Not that of whoever works here, and nothing of an earlier test.
    home = BUILD / "up-test"
    given = ("--machines", "docker", "--home", str(home), "--fresh")
    with up(*given, kind="docker", environment=dict(os.environ)) as process:
        environment = environment_of(home)
        box = Sandbox.attach(Path(environment["SANDBOX_DIR"]))
        assert "/demo-web-app/staging/GREETING" in parameters(environment)
        assert Path(environment["SPOTKILN_SSH_KEY"]).stat().st_mode & 0o777 == 0o600
        assert_private(home, environment["PREFECT_API_URL"])
        end = released(environment, "dice")
        commit = repositories.commits(repositories.DICE, {"v1"})["v1"]
        assert commit.startswith(end["commit"])
        address = box.load_balancer("dice")
        assert commit[:12] in httpx.get(address).raise_for_status().text
        thrown = httpx.get(f"{address}/throw?sides=20").raise_for_status().json()
        assert thrown["sides"] == 20
        assert 1 <= thrown["value"] <= 20
        assert httpx.get(f"{address}/throw?sides=1").status_code == 400
        reach_a_server(environment)
        status = json.loads(spotkiln(environment, "status", "dice", "--json").stdout)
        assert [one["health"] for one in status["servers"]] == ["healthy", "healthy"]
        said = log_of("docker").read_text()
        assert environment["PREFECT_API_AUTH_STRING"] not in said
        if receiver := re.search(r"receiver +(\S+),", said):
            assert httpx.get(f"{receiver[1]}/health").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(END_SECONDS) == 0, log_of("docker").read_text()
    with pytest.raises(SandboxError):
        Sandbox.attach(Path(environment["SANDBOX_DIR"]))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{environment['PREFECT_API_URL']}/health")


def test_an_address_that_is_no_account_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.up", "--account"],
        cwd=ROOT,
        env={**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "AWS_ENDPOINT_URL is http://127.0.0.1:9, which is no account: unset it" in done.stdout


@pytest.mark.prefect
@pytest.mark.sandbox
@pytest.mark.timeout(900)
def test_on_an_account_ctrl_c_waits_for_the_release(tmp_path: Path) -> None:
    """A sandbox of its own stands for the account: one that it is not told of as such."""
    with start_sandbox(tmp_path / "sandbox", "simulated") as box:
        ensure_base_image(box, print)
        repositories.ensure()
        own = box.process_environment()
        address = own.pop("AWS_ENDPOINT_URL")
        services = ("EC2", "ELASTIC_LOAD_BALANCING_V2", "AUTO_SCALING", "IAM", "STS", "PRICING")
        own |= {f"AWS_ENDPOINT_URL_{service}": address for service in services}
        home = tmp_path / "home"
        with up("--account", "--home", str(home), kind="account", environment=own) as process:
            environment = environment_of(home)
            assert "AWS_ENDPOINT_URL" not in environment
            address = environment["PREFECT_API_URL"].removesuffix("/api")
            runs = Runs(address, environment["PREFECT_API_AUTH_STRING"])
            run = runs.start("release/dice", {})
            deadline = time.monotonic() + 120
            while runs.state(run)[0] != "RUNNING":
                assert time.monotonic() < deadline, runs.state(run)
                time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            ends = []
            while process.poll() is None:
                with suppress(httpx.HTTPError):
                    ends.append(runs.state(run)[0])
                time.sleep(0.2)
            assert process.returncode == 0, log_of("account").read_text()
            assert ends[-1] == "COMPLETED"
