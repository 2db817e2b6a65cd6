"""Health checks of containers."""

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.machines.docker.probe import probe
from sandbox.machines.protocol import ProbeResult


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(1)
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        with suppress(BrokenPipeError):  # the other side has lost patience
            for _ in range(20 if self.path == "/trickle" else 1):
                self.wfile.write(self.headers["User-Agent"].encode())
                if self.path == "/trickle":
                    time.sleep(0.1)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ProbeResult(200)),
        ("/moved", ProbeResult(302)),
        ("/slow", ProbeResult(error="timeout")),
        ("/trickle", ProbeResult(error="timeout")),
    ],
)
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_probe(
    path: str, expected: ProbeResult, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "protocol_version", version)
    monkeypatch.setattr(Answering, "close_connection", True, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        began = time.monotonic()
        assert probe("127.0.0.1", int(server.server_address[1]), path, 0.5) == expected
        assert time.monotonic() - began < 0.8
        server.shutdown()
    assert probe("127.0.0.1", int(server.server_address[1]), path, 0.5).error == "refused"
