"""`spotkiln server`, as a host's unit starts it: guarded from its first answer on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rehearsal.prefect_client import client_of
from rehearsal.prefect_local import free_port

pytestmark = pytest.mark.prefect
PASSWORD = "team:not-a-secret"
STARTS_SECONDS = 90.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    home = tmp_path_factory.mktemp("server")
    port = free_port(0)
    address = f"http://127.0.0.1:{port}"
    own = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment = {
        **own,
        "PREFECT_HOME": str(home),
        "PREFECT_UI_URL": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
    }
    program = str(Path(sys.executable).parent / "spotkiln")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "server", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield wait_for(address, process)
        # The process that was started is the server: a unit's SIGTERM reaches it.
        assert b"spotkiln.cli.server" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert PASSWORD not in (home / "log").read_text()
    finally:
        process.terminate()
        process.wait(60)


def wait_for(address: str, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + STARTS_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if httpx.get(f"{address}/api/health", timeout=2).status_code == 200:
                return address
        except httpx.HTTPError:
            time.sleep(0.3)
    raise TimeoutError("the server does not answer")


def test_only_who_knows_the_password_uses_it(server: str) -> None:
    assert httpx.get(f"{server}/api/admin/settings").status_code == 401
    assert httpx.post(f"{server}/api/flows/filter", json={}).status_code == 403
    with client_of(server, PASSWORD) as api:
        assert api.post("/flows/filter", json={}).status_code == 200
    with client_of(server, "team:guessed") as api, pytest.raises(httpx.HTTPStatusError):
        api.post("/flows/filter", json={})


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://127.0.0.1:1"])
def test_no_other_origin_may_ask(server: str, origin: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    for given, allowed in ((origin, None), (server, server)):
        answer = httpx.options(f"{server}/api/flows/filter", headers={"Origin": given, **asked})
        assert answer.headers.get("access-control-allow-origin") == allowed
