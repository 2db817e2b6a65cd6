"""A load balancer in front of real servers on loopback, well-behaved and not."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.balancing.load_balancer import LoadBalancer
from sandbox.balancing.routes import (
    Rule,
    Share,
    TargetRoute,
    TargetStateName,
)
from tests import plain

Answer = Callable[["Handler"], None]


def route(name: str, state: TargetStateName, port: int = 1) -> TargetRoute:
    return TargetRoute(name, 3000, state, ("127.0.0.1", port))


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was sent; some paths misbehave."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    server: "Target"

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.path == "/slow":
            self.server.entered.set()
            self.server.release.wait(10)
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 100_000)
            self.close_connection = True
            return
        if self.path == "/stream":
            self._stream()
            return
        if self.path == "/nothing":
            self.send_response(204)
            self.end_headers()
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = {
            "target": self.server.name,
            "method": self.command,
            "path": self.path,
            "headers": dict(self.headers.items()),
            "body": self.rfile.read(length).decode() if length else self._chunks(),
        }
        text = json.dumps(body).encode()
        self.send_response(int(self.path[8:]) if self.path.startswith("/status/") else 200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Keep-Alive", "timeout=5")
        self.end_headers()
        if self.command != "HEAD" and self.path != "/status/304":
            self.wfile.write(text)

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - as http.server calls them

    def _chunks(self) -> str:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return ""
        parts = b""
        while size := int(self.rfile.readline(), 16):
            parts += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return parts.decode()

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        self.server.release.wait(10)
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
        pass


class Target(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.requests = 0
        self.entered, self.release = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def end(self) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()


def behind(routes: list[TargetRoute]) -> list[Rule]:
    """A listener that sends everything to one target group."""
    return [Rule((Share("website", tuple(routes)),))]


class Balanced:
    """A load balancer whose rules the test sets."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.balancer = LoadBalancer(lambda: list(self.rules), connect_seconds=1, idle_seconds=1)
        self.balancer.start()
        self.client = plain.visitor(base_url=self.balancer.address, timeout=15)

    def set(self, *routes: TargetRoute) -> None:
        self.rules[:] = behind(list(routes))
        time.sleep(0.12)  # older than the load balancer's own copy


@pytest.fixture
def balanced() -> Iterator[Balanced]:
    made = Balanced()
    yield made
    made.client.close()
    made.balancer.stop()


@pytest.fixture
def targets() -> Iterator[list[Target]]:
    made = [Target(name) for name in ("i-a", "i-b", "i-c")]
    yield made
    for target in made:
        target.end()


def raw_server(serve: Callable[[socket.socket], None]) -> tuple[socket.socket, int]:
    """A server whose connections are handled by `serve`, each in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listening, listening.getsockname()[1]
