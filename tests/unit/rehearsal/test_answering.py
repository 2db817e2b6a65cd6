"""Who has started a server waits until it answers, and is told why it does not."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.up.start import RECEIVER, receiver_address
from rehearsal.answering import wait_for_answer
from rehearsal.prefect_local import free_port

pytestmark = pytest.mark.programs

SERVER = """
import http.server, sys, time
time.sleep(float(sys.argv[2]))
class Answer(http.server.BaseHTTPRequestHandler):
    seen = 0
    def do_GET(self):
        Answer.seen += 1
        self.send_response(200 if self.path == "/health" and Answer.seen > 1 else 503)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@contextmanager
def child(code: str, *arguments: object) -> "Iterator[subprocess.Popen[bytes]]":
    with subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)]) as found:
        yield found
        found.kill()


def wait(process: "subprocess.Popen[bytes]", port: int, seconds: float, log: Path) -> None:
    address = f"http://127.0.0.1:{port}/health"
    wait_for_answer(process, address, what="the server", log=log, timeout_seconds=seconds)


def test_one_that_is_slow_and_not_ready_at_first(tmp_path: Path) -> None:
    port, began = free_port(0), time.monotonic()
    with child(SERVER, port, 1) as process:
        wait(process, port, 60, tmp_path)
    assert time.monotonic() - began > 1


def test_one_that_ends(tmp_path: Path) -> None:
    with (
        child("raise SystemExit(3)") as process,
        pytest.raises(RuntimeError, match=r"the server ended; see .*its\.log"),
    ):
        wait(process, free_port(0), 60, tmp_path / "its.log")


def test_another_one_that_answers_at_its_port(tmp_path: Path) -> None:
    port = free_port(0)
    with child(SERVER, port, 0) as other, child("raise SystemExit(1)") as process:
        wait(other, port, 60, tmp_path)
        process.wait(60)
        with pytest.raises(RuntimeError, match="the server ended"):
            wait(process, port, 60, tmp_path)


def test_one_that_never_answers(tmp_path: Path) -> None:
    with (
        child("import time; time.sleep(60)") as process,
        pytest.raises(RuntimeError, match=r"did not answer in 1 s; see .*its\.log"),
    ):
        wait(process, free_port(0), 1, tmp_path / "its.log")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, "http://127.0.0.1:4180"),
        ("0.0.0.0", "http://127.0.0.1:4180"),
        ("10.0.0.5", "http://10.0.0.5:4180"),
        ("::", "http://[::1]:4180"),
    ],
)
def test_where_a_receiver_is_reached(address: str | None, expected: str) -> None:
    given = {f"{RECEIVER}PORT": "4180", **({f"{RECEIVER}ADDRESS": address} if address else {})}
    assert receiver_address(given) == expected
