"""A hook's message, as it arrives, and what comes of answers."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from spotkiln.errors import InfrastructureError, InputError
from spotkiln.hosts_api import webhook
from spotkiln.hosts_api.webhook import post
from spotkiln.receiver.signature import signed_by
from spotkiln.release.hook import Hook
from spotkiln.start.hooks import Host
from tests.unit.release.test_hook import MESSAGE

pytestmark = pytest.mark.programs

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class There:
    """Somebody who listens. `answers` are statuses, one after the other; the last one stays."""

    def __init__(self) -> None:
        self.answers = [204]
        self.heard: list[tuple[dict[str, str], bytes]] = []
        there = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                there.heard.append(({x.lower(): y for x, y in self.headers.items()}, body))
                status = there.answers.pop(0) if len(there.answers) > 1 else there.answers[0]
                self.send_response(status)
                self.send_header("location", "https://elsewhere.example.com/")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret-path"
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    monkeypatch.setattr(webhook, "AGAIN_SECONDS", 0.05)
    found = There()
    yield found
    found.server.shutdown()
    found.server.server_close()


def now() -> datetime:
    return datetime.now(UTC)


def send(there: There, seconds: int = 5, secret: str = SECRET) -> str:
    return post(Hook(url=there.url, seconds=seconds), MESSAGE, secret, now).why


def test_it_arrives_signed(there: There) -> None:
    assert send(there) == ""
    ((headers, body),) = there.heard
    assert json.loads(body) == {
        "app": "shop",
        "commit": "c" * 40,
        "image": "ami-1",
        "moment": "after step",
        "percent": 10,
        "release": "shop-0123456789ab",
        "target_group": "website",
    }
    assert headers["content-type"] == "application/json"
    assert signed_by(Host.GITLAB, headers, body, {"ours": SECRET}, now()) == "ours"


def test_a_host_that_is_not_well_is_asked_again_with_the_same_id(there: There) -> None:
    there.answers = [503, 500, 200]
    assert send(there) == ""
    assert len({headers["webhook-id"] for headers, _ in there.heard}) == 1
    assert len(there.heard) == 3


@pytest.mark.parametrize("status", [400, 403, 302])
def test_what_is_refused_is_refused(there: There, status: int) -> None:
    there.answers = [status]
    assert send(there) == f"127.0.0.1 answered {status}"
    assert len(there.heard) == 1


def test_its_time_is_limited_and_nothing_of_the_path_is_told(there: There) -> None:
    there.answers = [503]
    assert send(there, seconds=1) == "127.0.0.1 answered 503, 1 s long"
    there.server.shutdown()
    there.server.server_close()
    why = send(there, seconds=1)
    assert why == "127.0.0.1 does not answer (ConnectError), 1 s long"


def test_a_name_that_nobody_looks_up_in_time_ends_as_well(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **__: object) -> None:
        time.sleep(5)

    monkeypatch.setattr(webhook, "LATE_SECONDS", 0.1)
    monkeypatch.setattr(httpx.Client, "stream", hang)
    with pytest.raises(InfrastructureError, match="no answer within 1 s"):
        send(there, seconds=1)


@pytest.mark.parametrize("secret", ["", "whsec_a"])
def test_without_a_secret_nothing_is_sent(there: There, secret: str) -> None:
    with pytest.raises(InputError, match="Secret block") as told:
        send(there, secret=secret)
    assert "whsec_a" not in str(told.value)
    assert there.heard == []
