"""What tests start ends with them, and their processor time is told."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.meter import Meter, table
from tests.started import NAME, Process, end_all, started

pytestmark = pytest.mark.programs

# As pytest does it, and then starts something that becomes a daemon.
BEGINS = """
import subprocess, sys, time
sys.path.insert(0, {root!r})
from tests import started
print(started.begin(), flush=True)
subprocess.Popen(["sleep", "60"], start_new_session=True)
time.sleep(60)
"""


def sleeper(mark: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "60"], env={**os.environ, NAME: mark})


def ended(mark: str, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while started(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not started(mark)


def test_what_a_killed_one_has_started_ends() -> None:
    root = os.fspath(__file__).rpartition("/tests/")[0]
    parent = subprocess.Popen(
        [sys.executable, "-c", BEGINS.format(root=root)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    mark = parent.stdout.readline().strip()
    deadline = time.monotonic() + 20
    while not started(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(started(mark)) == 1
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()
    assert ended(mark)


def test_others_go_on() -> None:
    ours, theirs = sleeper("ours"), sleeper("theirs")
    try:
        assert (set(started("ours")), set(started("theirs"))) == ({ours.pid}, {theirs.pid})
        end_all("ours")
        assert ours.wait(10) == -signal.SIGTERM
        assert theirs.poll() is None
    finally:
        for one in (ours, theirs):
            one.kill()
            one.wait(10)


def test_a_folder_pays_for_what_was_spent_in_it() -> None:
    meter = Meter("nobody's")
    meter.read("imports")
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    meter.read("busy")
    meter.read("idle")
    assert 0.2 <= meter.folders["busy"] < 2
    assert meter.folders["idle"] < 0.2


def test_what_a_daemon_took_stays_counted_when_it_has_ended() -> None:
    meter = Meter("")
    daemon, child = Process(parent=1, seconds=5), Process(parent=77, seconds=3)
    assert meter.total(10, {1000: daemon, 1001: child}) == 18
    # The child's parent has waited for it, so that its time is in the first figure.
    assert meter.total(13, {}) == 18
    assert meter.total(13, {}) == 18


def test_the_most_expensive_comes_first() -> None:
    assert table({"cli": 3.4, "release": 1200.0}) == [
        "   1200 s  release",
        "      3 s  cli",
        "   1203 s  in all",
    ]
