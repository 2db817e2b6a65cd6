"""The units of a host: valid, hardened, and a worker that lets its runs end."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from examples.prefect_local import ROOT
from spotkiln.recipe import digest_of_files
from tests.receiver.service import Server

HOST = ROOT / "systemd" / "host"
SERVICES = ["spotkiln-server", "spotkiln-worker", "spotkiln-receiver"]
POOL = "drained"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """As docs/push.md installs them."""
    for unit in [*HOST.glob("*.service"), *HOST.glob("*.socket")]:
        shutil.copy(unit, tmp_path)
    for service in SERVICES:
        drop_in = tmp_path / f"{service}.service.d"
        drop_in.mkdir()
        shutil.copy(ROOT / "systemd" / "hardening.conf", drop_in)
    return tmp_path


def verify(units: Path) -> list[str]:
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(units.glob("spotkiln-*.s[eo]*[et]")))],
        capture_output=True,
        text=True,
        check=False,
    )
    # It exits with 0 on keys that it does not know; the programs are the host's.
    return [
        line
        for line in done.stderr.splitlines()
        if "spotkiln" in line and "is not executable" not in line
    ]


@needs_systemd
def test_systemd_accepts_them(units: Path) -> None:
    assert sorted(unit.stem for unit in units.glob("*.service")) == sorted(SERVICES)
    assert verify(units) == []
    unit = units / "spotkiln-receiver.service"
    unit.write_text(unit.read_text().replace("DynamicUser=", "DynamiteUser="))
    assert any("DynamiteUser" in line for line in verify(units))


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_exposure_is_below_two(units: Path, service: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=19", "--no-pager"]
    done = subprocess.run(
        [*command, str(units / f"{service}.service")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_they_are_no_part_of_any_image(tmp_path: Path) -> None:
    """The recipe's digest is over the units of the application, and not over these."""
    shutil.copytree(ROOT / "systemd", tmp_path / "systemd")
    with_them = digest_of_files(tmp_path, ["systemd/*"])
    shutil.rmtree(tmp_path / "systemd" / "host")
    assert digest_of_files(tmp_path, ["systemd/*"]) == with_them


def test_what_the_units_start_is_there() -> None:
    text = "".join(unit.read_text() for unit in HOST.glob("*.service"))
    for program in ("/opt/spotkiln/.venv/bin/prefect", "/opt/spotkiln/.venv/bin/spotkiln-receiver"):
        assert program in text
        assert (ROOT / program.removeprefix("/opt/spotkiln/")).is_file()
    assert str(HOST.relative_to(ROOT) / "drain-worker.sh") in text


def pool(server: Server) -> dict[str, Any]:
    return dict(server.api.get(f"/work_pools/{POOL}").raise_for_status().json())


def wait_until(what: Any, seconds: float, text: str) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, text
        time.sleep(0.2)


def state_of(server: Server, run: str) -> str:
    found = server.api.get(f"/flow_runs/{run}").raise_for_status().json()
    return str(found["state"]["type"])


def test_a_worker_that_is_stopped_lets_its_run_end(server: Server, tmp_path: Path) -> None:
    """What systemd does: ExecStop beside the worker, then SIGTERM, then ExecStopPost."""
    server.api.post("/work_pools/", json={"name": POOL, "type": "process"}).raise_for_status()
    flow = server.api.post("/flows/", json={"name": "slow"}).raise_for_status().json()["id"]
    deployment = server.api.post(
        "/deployments/",
        json={
            "name": "slow",
            "flow_id": flow,
            "entrypoint": "slow_flow.py:slow",
            "path": str(tmp_path / "code"),
            "work_pool_name": POOL,
            "parameters": {"seconds": 12},
        },
    ).json()["id"]
    (tmp_path / "code").mkdir()
    shutil.copy(ROOT / "tests" / "receiver" / "slow_flow.py", tmp_path / "code")
    prefect = str(ROOT / ".venv" / "bin" / "prefect")
    environment = {**os.environ, **server.prefect.environment}
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [prefect, "worker", "start", "--pool", POOL, "--type", "process"],
            cwd=tmp_path, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        start = f"/deployments/{deployment}/create_flow_run"
        run, late = (server.api.post(start, json={}).json()["id"], "")
        wait_until(lambda: state_of(server, run) == "RUNNING", 90, "the run did not begin")
        stopping = subprocess.Popen(
            ["bash", str(HOST / "drain-worker.sh"), prefect, POOL],
            env={**environment, "MAINPID": str(worker.pid)},
            stdout=subprocess.DEVNULL,
        )
        wait_until(lambda: pool(server)["is_paused"], 60, "the pool was not paused")
        late = server.api.post(start, json={}).json()["id"]
        assert stopping.wait(120) == 0
        assert state_of(server, run) == "COMPLETED"
        assert worker.poll() is None
    finally:
        worker.terminate()
        worker.wait(60)
    # It was not given out to a worker that is about to end.
    assert state_of(server, late) == "SCHEDULED"
