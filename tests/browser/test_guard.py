"""Nobody starts a run who does not know the password: no web page, no other user of this machine.

Each attack is first tried at a server that anybody may use, where it succeeds.
"""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from rehearsal.prefect_client import client_of
from rehearsal.prefect_local import LocalPrefect
from tests.reliability.world import World

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.sandbox]
# Requests that a browser sends without asking first; Prefect takes one without a type for JSON.
ATTACKS = {
    "a body without a type": "{method: 'POST', mode: 'no-cors', body: new Blob([body])}",
    "JSON": "{method: 'POST', headers: {'content-type': 'application/json'}, body}",
    "with all that the browser keeps": (
        "{method: 'POST', mode: 'no-cors', credentials: 'include', body: new Blob([body])}"
    ),
}


class Guarded:
    """A server, and a deployment there whose runs no worker takes."""

    def __init__(self, prefect: LocalPrefect) -> None:
        self.prefect = prefect
        self.api = client_of(prefect.address, prefect.password)
        flow = self._post("/flows/", {"name": "release"})
        self.deployment = self._post("/deployments/", {"name": "guarded", "flow_id": flow})

    def _post(self, path: str, body: dict[str, str]) -> str:
        return str(self.api.post(path, json=body).raise_for_status().json()["id"])

    @property
    def start(self) -> str:
        """The address at which a run is started."""
        return f"{self.prefect.address}/api/deployments/{self.deployment}/create_flow_run"

    def runs(self) -> int:
        asked = {"deployments": {"id": {"any_": [self.deployment]}}}
        return int(self.api.post("/flow_runs/count", json=asked).raise_for_status().json())


@pytest.fixture(scope="module")
def servers(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Guarded]]:
    """One that anybody may use, and that of all these tests."""
    with LocalPrefect(tmp_path_factory.mktemp("guard") / "open", {}, 0) as prefect:
        prefect.start_server()
        prefect.wait_for_server()
        made = {"open": Guarded(prefect), "own": Guarded(world.prefect)}
        yield made
        for one in made.values():
            one.api.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """The address of a web page of another origin."""
    (tmp_path / "index.html").write_text("<!doctype html><title>elsewhere</title>")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_web_page_starts_a_run(
    servers: dict[str, Guarded], elsewhere: str, browser: Browser, attack: str
) -> None:
    page = browser.new_page()
    page.goto(elsewhere)

    def started(server: Guarded) -> int:
        before = server.runs()
        sent = f"([to, body]) => fetch(to, {attack}).then(x => x.status, x => -1)"
        page.evaluate(sent, [server.start, "{}"])
        return server.runs() - before

    # It works where nobody guards, unless the server is too busy to answer: a page tries again.
    assert any(started(servers["open"]) == 1 for _ in range(5))
    assert started(servers["own"]) == 0
    page.close()


def test_no_other_user_of_the_machine_does(servers: dict[str, Guarded]) -> None:
    assert httpx.post(servers["open"].start, json={}).status_code == 201
    own = servers["own"]
    # Without a token, with one that was made up, and without the right to get one.
    made_up = {"Prefect-Csrf-Token": "x", "Prefect-Csrf-Client": "x"}
    assert httpx.post(own.start, json={}).status_code == 403
    assert httpx.post(own.start, json={}, headers=made_up).status_code == 403
    tokens = f"{own.prefect.address}/api/csrf-token?client=x"
    assert httpx.get(tokens).status_code == 401
    assert httpx.get(tokens, auth=("spotkiln", "guessed")).status_code == 401
    # A token is no password.
    token = own.api.get("/csrf-token?client=x").raise_for_status().json()["token"]
    stolen = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "x"}
    assert httpx.post(own.start, json={}, headers=stolen).status_code == 401
    assert own.runs() == 0
    assert own.api.post(own.start, json={}).status_code == 201
    assert own.runs() == 1


def test_nobody_else_reads_what_the_server_keeps(servers: dict[str, Guarded]) -> None:
    assert servers["own"].prefect.home.stat().st_mode & 0o077 == 0
