"""A host whose journal is shipped, and what CloudWatch Logs keeps of it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit.bake.cloud import MINE, SECRET, SESSION, signed
from tests.unit.nouns import ROOT

SCRIPTS = ("ship-logs", "hide-settings")
GROUP = "/shop/production"


# As journalctl: the entries of these units behind a place, oldest first. It is called again
# and again, and a `python3` on PATH may be a script that looks for Python.
JOURNALCTL = (
    f"#!{sys.executable} -S"
    """
import json, os, sys
after, units = "", set()
for one in sys.argv[1:]:
    name, _, value = one.partition("=")
    if name == "--after-cursor":
        after = value
    if name == "--unit":
        units.add(value)
seen = not after
for line in open(os.environ["JOURNAL"]):
    entry = json.loads(line)
    if seen and units & {entry.get("_SYSTEMD_UNIT"), entry.get("UNIT")}:
        sys.stdout.write(line)
    seen = seen or entry["__CURSOR"] == after
"""
)


class Logs:
    """CloudWatch Logs: what it holds by stream, and how it answers."""

    def __init__(self) -> None:
        self.groups: dict[str, int | None] = {}
        self.streams: dict[str, list[str]] = {}
        # Errors that come before the right answer, a status and a name.
        self.failures: list[tuple[int, str]] = []
        self.denied: set[str] = set()
        self.asked: dict[str, int] = defaultdict(int)
        self.sizes: list[int] = []
        # Set: a request is carried out, and then its answer waits for `go_on`.
        self.hold = False
        self.held, self.go_on = threading.Event(), threading.Event()

    def answer(self, action: str, body: dict[str, Any]) -> tuple[int, str]:
        self.asked[action] += 1
        if action in self.denied:
            return 400, "AccessDeniedException"
        if self.failures:
            return self.failures.pop(0)
        found = getattr(self, action)(body)
        if self.hold:
            self.held.set()
            self.go_on.wait(30)
        return (400, found) if found else (200, "")

    def CreateLogGroup(self, body: dict[str, Any]) -> str:  # noqa: N802 - AWS's name
        if body["logGroupName"] in self.groups:
            return "ResourceAlreadyExistsException"
        self.groups[body["logGroupName"]] = None
        return ""

    def PutRetentionPolicy(self, body: dict[str, Any]) -> str:  # noqa: N802
        if body["logGroupName"] not in self.groups:
            return "ResourceNotFoundException"
        self.groups[body["logGroupName"]] = body["retentionInDays"]
        return ""

    def CreateLogStream(self, body: dict[str, Any]) -> str:  # noqa: N802
        if body["logGroupName"] not in self.groups:
            return "ResourceNotFoundException"
        if body["logStreamName"] in self.streams:
            return "ResourceAlreadyExistsException"
        self.streams[body["logStreamName"]] = []
        return ""

    def PutLogEvents(self, body: dict[str, Any]) -> str:  # noqa: N802
        if body["logStreamName"] not in self.streams:
            return "ResourceNotFoundException"
        events = body["logEvents"]
        times = [one["timestamp"] for one in events]
        size = sum(len(one["message"].encode()) + 26 for one in events)
        self.sizes.append(size)
        small = size <= 1_048_576 and len(events) <= 10_000 and times[-1] - times[0] < 86_400_000
        if times != sorted(times) or not small or not all(one["message"] for one in events):
            return "InvalidParameterException"
        if any("refuse me" in one["message"] for one in events):
            return "InvalidParameterException"
        self.streams[body["logStreamName"]] += [one["message"] for one in events]
        return ""


class Host:
    """A machine: its journal, its metadata, and the script."""

    def __init__(self, folder: Path, logs: Logs) -> None:
        self.logs = logs
        self.metadata = {
            "instance-id": MINE,
            "placement/region": "eu-west-1",
            "services/domain": "amazonaws.com",
            "iam/security-credentials/": "website",
            "iam/security-credentials/website": json.dumps(
                {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "Token": SESSION}
            ),
        }
        self.bad: list[str] = []
        self.state, self._units = folder / "state", folder / "units"
        self.settings, self.scripts = folder / "settings", folder / "lib"
        self._journal, self._programs = folder / "journal", folder / "programs"
        for one in (self.state, self._units, self._programs, self.settings, self.scripts):
            one.mkdir()
        for name in SCRIPTS:  # as an image has them
            (self.scripts / name).write_text((ROOT / "systemd" / f"{name}.sh").read_text())
        for name in ("shop", "shop-worker", "shop-logs", "shop-console"):
            (self._units / f"{name}.service").touch()
        self._journal.touch()
        (self._programs / "journalctl").write_text(JOURNALCTL)
        (self._programs / "journalctl").chmod(0o755)
        self._lines = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def log(self, *messages: object, unit: str = "shop.service", **more: object) -> None:
        with self._journal.open("a") as journal:
            for message in messages:
                self._lines += 1
                entry = {
                    "__CURSOR": f"s=1;i={self._lines}",
                    "__REALTIME_TIMESTAMP": str(1_790_000_000_000_000 + self._lines * 1000),
                    "_SYSTEMD_UNIT": unit,
                    "MESSAGE": message,
                    **more,
                }
                journal.write(json.dumps(entry) + "\n")

    def start(self, days: int = 30) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["bash", str(self.scripts / "ship-logs"), "shop", GROUP, str(days), "0.1"],
            env={
                "PATH": f"{self._programs}:{os.environ['PATH']}",
                "JOURNAL": str(self._journal),
                "STATE_DIRECTORY": str(self.state),
                "SPOTKILN_UNITS": str(self._units),
                "SPOTKILN_SETTINGS": str(self.settings),
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.address,
                "AWS_ENDPOINT_URL": self.address,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def running(self, days: int = 30) -> Iterator["subprocess.Popen[str]"]:
        process = self.start(days)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()
            assert self.bad == []

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(host: Host) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _say(self, status: int, text: str) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())
            except BrokenPipeError:  # the script was killed
                pass

        def do_PUT(self) -> None:
            self._say(200, "a-token")

        def do_GET(self) -> None:
            if self.headers["X-aws-ec2-metadata-token"] != "a-token":
                host.bad.append(f"{self.path} without a token")
            found = host.metadata.get(self.path.removeprefix("/latest/meta-data/"))
            self._say(200 if found is not None else 404, found or "")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not signed(dict(self.headers.items()), body, f"{host.address}{self.path}", "logs"):
                host.bad.append(f"badly signed: {body[:200]!r}")
            action = self.headers["X-Amz-Target"].removeprefix("Logs_20140328.")
            status, error = host.logs.answer(action, json.loads(body))
            refusal = {"__type": error, "message": f"AWS's words of {action}"}
            self._say(status, json.dumps(refusal) if error else "{}")

    return Handler


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture
def host(tmp_path: Path, logs: Logs) -> Iterator[Host]:
    host = Host(tmp_path, logs)
    yield host
    host.close()


def until(look: Callable[[], object], what: str = "") -> None:
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def ended(process: "subprocess.Popen[str]") -> str:
    """What it said, when it has ended as systemd ends it."""
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert SECRET not in said
    assert SESSION not in said
    return said
