"""What writes a machine's journal to CloudWatch Logs, by its script: a journal, a metadata service
and a CloudWatch Logs are played here, with curl's own signatures, which botocore checks."""

import json
import os
import signal
import subprocess
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
WEB, WORKER = f"shop/web/{MINE}", f"shop/worker/{MINE}"
# As journalctl: the entries of these units behind a place, oldest first.
JOURNALCTL = """#!/usr/bin/env python3
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


def test_each_unit_has_a_stream_and_the_group_keeps_them_for_days(host: Host, logs: Logs) -> None:
    host.log("one", "two")
    host.log("mine", unit="shop-worker.service")
    host.log("its own", unit="shop-logs.service")
    host.log("another's", unit="shopping.service")
    host.log("Started shop", unit="init.scope", UNIT="shop.service")
    with host.running(days=14) as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 3 and logs.streams.get(WORKER))
        assert "shop-logs" not in ended(process)
    assert logs.streams == {WEB: ["one", "two", "Started shop"], WORKER: ["mine"]}
    assert logs.groups == {GROUP: 14}


def test_without_days_the_groups_own_stay(host: Host, logs: Logs) -> None:
    logs.groups[GROUP] = 3
    host.log("one")
    with host.running(days=0) as process:
        until(lambda: logs.streams.get(WEB))
        ended(process)
    assert logs.groups == {GROUP: 3}
    assert "PutRetentionPolicy" not in logs.asked


def test_starts_and_stops_lose_and_double_nothing(host: Host, logs: Logs) -> None:
    wrote: list[str] = []
    for round_ in range(4):
        with host.running() as process:
            for number in range(5):
                wrote.append(f"line {round_}.{number}")
                host.log(wrote[-1])
                time.sleep(0.03)
            ended(process)
    assert logs.streams[WEB] == wrote


def test_what_is_being_written_is_written_when_it_is_stopped(host: Host, logs: Logs) -> None:
    """And what the others log as they stop comes too."""
    host.log("one")
    with host.running() as process:
        until(lambda: logs.streams.get(WEB) == ["one"])
        logs.hold = True
        host.log("two")
        assert logs.held.wait(30)
        process.send_signal(signal.SIGTERM)
        host.log("Stopping")
        logs.hold = False
        logs.go_on.set()
        process.communicate(timeout=30)
    assert logs.streams[WEB] == ["one", "two", "Stopping"]


def test_killed_while_it_is_refused_it_goes_on_where_it_was(host: Host, logs: Logs) -> None:
    host.log(*(f"{number:06}" + "x" * 1000 for number in range(900)))
    logs.denied = {"PutLogEvents"}
    for tries in (1, 2, 3):
        with host.running() as process:
            while logs.asked["PutLogEvents"] < tries:
                time.sleep(0.02)
            time.sleep(0.2)  # it has been answered
            process.kill()
    logs.denied = set()
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 900)
        ended(process)
    assert [line[:6] for line in logs.streams[WEB]] == [f"{number:06}" for number in range(900)]


@pytest.mark.parametrize(
    "failure",
    [(400, "ThrottlingException"), (503, "ServiceUnavailableException"), (500, "")],
)
def test_what_passes_by_itself_is_tried_again(
    host: Host, logs: Logs, failure: tuple[int, str]
) -> None:
    host.log("one")
    with host.running() as process:
        until(lambda: logs.streams.get(WEB))
        logs.failures = [failure] * 2
        host.log("two", "three")
        until(lambda: len(logs.streams[WEB]) == 3)
        assert "not written to /shop/production" in ended(process)
    assert logs.streams[WEB] == ["one", "two", "three"]


def test_a_missing_right_is_told_once_and_nothing_is_lost(host: Host, logs: Logs) -> None:
    logs.denied = {"CreateLogGroup", "PutRetentionPolicy", "PutLogEvents"}
    host.log("one")
    with host.running() as process:
        until(lambda: logs.asked["PutLogEvents"] >= 3)
        # A group that others have made is enough.
        logs.groups[GROUP] = None
        logs.denied -= {"PutLogEvents"}
        until(lambda: logs.streams.get(WEB))
        said = ended(process)
    assert said.count("AccessDeniedException: AWS's words of PutLogEvents") == 1
    assert "PutRetentionPolicy: AccessDeniedException" in said
    assert logs.streams[WEB] == ["one"]


def test_without_a_role_it_says_which_setting_is_missing(host: Host, logs: Logs) -> None:
    roles = host.metadata.pop("iam/security-credentials/")
    host.log("one")
    with host.running() as process:
        until(lambda: (host.state / "pending").exists())
        time.sleep(0.5)
        host.metadata["iam/security-credentials/"] = roles
        until(lambda: logs.streams.get(WEB))
        assert "this machine has no role: name one in infra.instance_profile" in ended(process)


def test_much_at_once_goes_in_requests_that_aws_takes(host: Host, logs: Logs) -> None:
    wrote = [f"{number} " + "ä" * 2000 for number in range(1500)]
    host.log(*wrote)
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 1500)
        ended(process)
    assert logs.streams[WEB] == wrote
    assert max(logs.sizes) <= 1_000_000
    # As few as that allows: not one for each line.
    assert len(logs.sizes) < 12


def test_lines_of_every_kind(host: Host, logs: Logs) -> None:
    coloured = "\x1b[31mGrüße\x1b[0m 世界"
    host.log("", 'a\tb "c" \\d', list(coloured.encode()), list(b"\xff\xfe!"), ["two", "fields"])
    host.log(None, "x" * 70_000)
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 6)
        ended(process)
    found = logs.streams[WEB]
    assert found[:3] == [" ", 'a\tb "c" \\d', coloured]
    assert found[3].endswith("!")
    assert found[4] == "two\nfields"
    assert found[5] == "x" * 60_000


def test_the_values_of_settings_are_shown_by_name(host: Host, logs: Logs) -> None:
    """Nothing else of a request is: a setting may have the value of a part of a group's name."""
    settings = {"KEY": 'qu"ote\\d secret', "URL": "postgres://shop:p4ss-w0rd@db/shop"}
    for name, value in {**settings, "GROUP_NAME": GROUP, "SHORT": "web"}.items():
        (host.settings / name).write_text(value)
    host.log(f"began with {settings['KEY']}", f"cannot reach {settings['URL']}: p4ss-w0rd is wrong")
    host.log(list(f"\x1b[1m{settings['KEY']}".encode()), f"web in {GROUP}")
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 4)
        ended(process)
    assert logs.streams[WEB] == [
        "began with [KEY]",
        "cannot reach [URL]: [URL] is wrong",
        "\x1b[1m[KEY]",
        "web in [GROUP_NAME]",
    ]
    assert list(logs.groups) == [GROUP]


def test_lines_that_cannot_be_hidden_stay_in_the_journal(host: Host, logs: Logs) -> None:
    hide = host.scripts / "hide-settings"
    text = hide.read_text()
    hide.write_text("exit 1\n")
    host.log("one", "two")
    with host.running() as process:
        until(lambda: (host.state / "next" / "shown").exists())
        time.sleep(0.5)  # it has failed
        assert logs.streams == {}
        hide.write_text(text)
        until(lambda: logs.streams.get(WEB) == ["one", "two"])
        assert "they stay there" in ended(process)


def test_a_value_is_hidden_where_a_long_line_is_cut(host: Host, logs: Logs) -> None:
    (host.settings / "KEY").write_text("hunter2hunter2")
    host.log("x" * 59990 + "hunter2hunter2" + "y" * 100)
    with host.running() as process:
        until(lambda: WEB in logs.streams and logs.streams[WEB])
        ended(process)
    assert logs.streams[WEB] == ["x" * 59990 + "[KEY]" + "y" * 5]


def test_a_value_in_the_middle_of_what_is_escaped_holds_up_nothing(host: Host, logs: Logs) -> None:
    """A line end stands as \\n in JSON, and the value begins with that n."""
    (host.settings / "KEY").write_text("network1")
    host.log("one", "two\nnetwork1", "three\netwo", "four\network1", "five")
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 5)
        ended(process)
    assert logs.streams[WEB] == [
        "one",
        "two\n[KEY]",
        "three\netwo",
        "a line that had a value of the settings in it",
        "five",
    ]


def test_one_line_that_is_refused_does_not_hold_up_the_others(host: Host, logs: Logs) -> None:
    host.log("one")
    with host.running() as process:
        until(lambda: logs.streams.get(WEB))
        host.log("refuse me")
        until(lambda: len(logs.sizes) >= 2)
        host.log("three")
        until(lambda: "three" in logs.streams[WEB])
        assert "lines are left out" in ended(process)
    assert logs.streams[WEB] == ["one", "three"]


def test_a_clock_that_was_put_back_breaks_no_order(host: Host, logs: Logs) -> None:
    day = 24 * 3600 * 1_000_000
    for number, moment in enumerate((2 * day, day, 0)):
        host.log(f"{number}", __REALTIME_TIMESTAMP=str(1_790_000_000_000_000 + moment))
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 3)
        ended(process)
    assert logs.streams[WEB] == ["2", "1", "0"]
