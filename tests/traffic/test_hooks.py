"""Somebody else is told at each moment, and may bring the old servers back."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from spotkiln.receiver.signature import signed_by
from spotkiln.start.hooks import Host
from tests.reliability.world import World
from tests.traffic.pair import QUICK, Pair

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Listener:
    """Takes every message but that of the last step."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                known = {"ours": SECRET}
                assert signed_by(Host.GITLAB, headers, body, known, datetime.now(UTC)) == "ours"
                told = json.loads(body)
                listener.heard.append(told)
                self.send_response(403 if told.get("percent") == 100 else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/secret-path"


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.server.shutdown()
    found.server.server_close()


def make_secret(world: World) -> None:
    block = world.api.get("/block_types/slug/secret").raise_for_status().json()
    wanted = {"block_schemas": {"block_type_id": {"any_": [block["id"]]}}}
    schemas = world.api.post("/block_schemas/filter", json=wanted).raise_for_status().json()
    made = {
        "name": "hooks",
        "data": {"value": SECRET},
        "block_type_id": block["id"],
        "block_schema_id": schemas[0]["id"],
    }
    world.api.post("/block_documents/", json=made).raise_for_status()


def test_who_refuses_a_step_brings_the_old_servers_back(pair: Pair, listener: Listener) -> None:
    make_secret(pair.world)
    before, new = (pair.active, pair.serving), pair.idle
    hook = {"url": listener.url, "seconds": 20}
    moments = ("before_launch", "after_step", "after_promotion", "after_rollback")
    hooks = {"secret": "hooks", **dict.fromkeys(moments, hook)}
    traffic = {**QUICK, "bake_seconds": 600}
    process = pair.world.start("v2", "hooks", traffic=traffic, hooks=hooks)
    made = process.result()
    assert "turned back at step 2 (100 %): the hook after step failed" in made["error"], made
    assert [(one["moment"], one.get("percent")) for one in listener.heard] == [
        ("before launch", None),
        ("after step", 50),
        ("after step", 100),
        ("after rollback", None),
    ]
    assert len({one["release"] for one in listener.heard}) == 1
    assert (pair.active, pair.serving) == before
    assert pair.changes()[-1][("website", "website-green").index(new)] == 0
    told = process.log()
    assert "secret-path" not in told
    assert SECRET not in told + json.dumps(made)
