"""The watch on an application's processes, by its script: what is proved, what is started again,
and on which server runs what may run on one only."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.bake.cloud import MINE, Cloud

pytestmark = pytest.mark.programs

LOWER, HIGHER = "i-0000000000000000a", "i-f000000000000000a"

SYSTEMCTL = """#!/bin/bash
# Keeps a file for each unit, as `show` prints it. What is told is noted.
cd {folder}/units
told=() units=()
for one in "$@"; do
  case $one in --*) ;; *) told+=("$one") ;; esac
done
read -r up _ </proc/uptime
case $1 in
  show) cat "${{told[-1]}}" 2>/dev/null; exit ;;
esac
echo "${{told[*]}}" >>{folder}/told
for one in "${{told[@]:1}}"; do
  one=${{one%.service}}.service
  since=ActiveEnterTimestampMonotonic=${{up%.*}}000000
  case $1 in
    start) printf 'ActiveState=active\\n%s\\n' "$since" >"$one" ;;
    stop) printf 'ActiveState=inactive\\n' >"$one" ;;
  esac
done
"""


def uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


class Machine:
    """A machine's units, and the watch on them."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.folder, self.cloud = folder, cloud
        (folder / "units").mkdir()
        self.role("server")
        for name, text in {
            "systemctl": SYSTEMCTL.format(folder=folder),
            "systemd-notify": f'#!/bin/sh\necho "notify $1" >>{folder}/told\n',
        }.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.watching: list[subprocess.Popen[str]] = []

    def role(self, name: str) -> None:
        run = self.folder / "run"
        run.mkdir(exist_ok=True)
        for other in run.iterdir():
            other.unlink()
        (run / name).touch()

    def unit(self, name: str, state: str, *, since: float = 0, **more: str) -> None:
        """`since`: how long it has been so, in seconds."""
        at = int((uptime() - since) * 1e6)
        lines = {
            "ActiveState": state,
            "ActiveEnterTimestampMonotonic": str(at),
            "InactiveEnterTimestampMonotonic": str(at),
            **more,
        }
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        (self.folder / "units" / f"demo-{name}.service").write_text(text)

    def watch(self, *processes: str, ask: int = 1, lost: int = 3) -> "subprocess.Popen[str]":
        watching = self.cloud.start(
            "watch-processes",
            "demo",
            *processes,
            SPOTKILN_RUN=str(self.folder / "run"),
            SPOTKILN_LEAVING=str(self.folder / "leaving"),
            SPOTKILN_LOOK_SECONDS="0.2",
            SPOTKILN_ASK_SECONDS=str(ask),
            SPOTKILN_LOST_SECONDS=str(lost),
            SPOTKILN_ANSWER_SECONDS="0",
            SPOTKILN_RIGHTS_SECONDS="2",
            SPOTKILN_PAUSE_SECONDS="5",
        )
        self.watching.append(watching)
        return watching

    def wait_for(self, what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while what not in self.cloud.told:
            assert time.monotonic() < deadline, (what, self.cloud.told)
            time.sleep(0.05)

    def close(self) -> None:
        for one in self.watching:
            one.kill()
            one.communicate()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    cloud = Cloud(tmp_path)
    machine = Machine(tmp_path, cloud)
    yield machine
    machine.close()
    cloud.close()
    assert cloud.bad == []


# -- the start --


def test_it_is_ready_when_all_have_started(machine: Machine) -> None:
    machine.unit("told", "activating")
    machine.unit("untold", "active", since=0)
    watching = machine.watch("told:0:30:each", "untold:3:30:each")
    time.sleep(1)
    machine.unit("told", "active")
    assert machine.cloud.told == []
    machine.wait_for("notify --ready")
    # One that cannot tell must have run for so long.
    assert watching.poll() is None
    assert machine.cloud.asked.total() == 0


@pytest.mark.parametrize(
    ("state", "job", "result"), [("failed", "", "exit-code"), ("inactive", "0", "")]
)
def test_one_that_does_not_start_ends_it(
    machine: Machine, state: str, job: str, result: str
) -> None:
    """The application's unit needs this one, and so does not start either."""
    machine.unit("good", "active", since=99)
    machine.unit("bad", state, Result=result, Job=job)
    watching = machine.watch("good:5:30:each", "bad:5:30:each")
    said, _ = watching.communicate(timeout=20)
    assert watching.returncode == 3
    assert f"demo-bad.service does not start ({result}); nothing of demo serves here" in said
    assert machine.cloud.told == []


def test_what_is_seen_between_two_states_is_no_end(machine: Machine) -> None:
    machine.unit("worker", "inactive", Job="17")
    machine.watch("worker:0:30:each")
    time.sleep(1)
    machine.unit("worker", "active")
    machine.wait_for("notify --ready")


def test_when_it_is_started_again_all_have_long_been_proved(machine: Machine) -> None:
    machine.unit("worker", "failed", since=1)
    (machine.folder / "started").touch()
    machine.watch("worker:5:30:each")
    machine.wait_for("notify --ready")


def test_a_machine_that_tests_runs_all_of_them(machine: Machine) -> None:
    machine.role("tester")
    machine.unit("clock", "inactive")
    machine.watch("clock:0:30:once")
    machine.wait_for("notify --ready")
    assert machine.cloud.told == ["start demo-clock", "notify --ready"]
    assert machine.cloud.asked.total() == 0


# -- from then on --


def test_one_that_was_given_up_is_started_again_after_a_pause(machine: Machine) -> None:
    machine.unit("worker", "active", since=9)
    machine.watch("worker:0:30:each")
    machine.wait_for("notify --ready")
    machine.unit("worker", "failed", since=2, Result="exit-code")
    time.sleep(1)
    assert machine.cloud.told == ["notify --ready"]
    machine.wait_for("start demo-worker.service")
    assert machine.cloud.told[1:] == [
        "reset-failed demo-worker.service",
        "start demo-worker.service",
    ]


@pytest.mark.parametrize("why", ["stopped by a person", "leaving"])
def test_one_that_was_stopped_stays_so(machine: Machine, why: str) -> None:
    machine.unit("worker", "active", since=9)
    machine.watch("worker:0:30:each")
    machine.wait_for("notify --ready")
    if why == "leaving":
        (machine.folder / "leaving").touch()
    machine.unit("worker", "failed" if why == "leaving" else "inactive", since=99)
    time.sleep(1.5)
    assert machine.cloud.told == ["notify --ready"]


# -- on one server only --


def test_the_lowest_healthy_target_runs_it(machine: Machine) -> None:
    machine.cloud.states = {MINE: "healthy", HIGHER: "healthy", LOWER: "unhealthy"}
    machine.unit("clock", "inactive")
    began = time.monotonic()
    machine.watch("clock:0:2:once")
    machine.wait_for("start demo-clock")
    # Not before another one must have stopped its own: its answers lost, a question, a stop.
    assert time.monotonic() - began > 3 + 1 + 2
    assert machine.cloud.told == ["notify --ready", "start demo-clock"]
    # Then another one is.
    machine.cloud.states[LOWER] = "healthy"
    machine.wait_for("stop demo-clock")
    machine.cloud.states[LOWER] = "draining"
    deadline = time.monotonic() + 60
    while machine.cloud.told.count("start demo-clock") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_another_one_runs_it(machine: Machine) -> None:
    machine.cloud.states = {MINE: "healthy", LOWER: "healthy"}
    machine.unit("clock", "inactive")
    machine.watch("clock:0:1:once")
    machine.cloud.wait_until_asked("DescribeTargetHealth", 8)
    assert machine.cloud.told == ["notify --ready"]


@pytest.mark.parametrize("health", ["initial", "unhealthy", "draining"])
def test_nobody_does_who_is_not_healthy(machine: Machine, health: str) -> None:
    machine.cloud.states = {MINE: health, HIGHER: "unhealthy"}
    machine.cloud.drains = False
    machine.unit("clock", "inactive")
    machine.watch("clock:0:0:once", lost=1)
    machine.cloud.wait_until_asked("DescribeTargetHealth", 6)
    assert machine.cloud.told == ["notify --ready"]


def test_without_an_answer_it_is_stopped(machine: Machine) -> None:
    """Another one may have become the one meanwhile."""
    machine.unit("clock", "active", since=99)
    machine.cloud.states = {MINE: "healthy"}
    watching = machine.watch("clock:0:1:once")
    machine.wait_for("notify --ready")
    machine.cloud.denied = {"DescribeTargetHealth"}
    machine.wait_for("stop demo-clock")
    watching.kill()
    said, _ = watching.communicate(timeout=20)
    assert "for 3 s nobody could say whether i-0123456789abcdef0 is the one: stopping clock" in said


def test_without_the_right_nothing_serves(machine: Machine) -> None:
    machine.cloud.denied = {"DescribeTargetHealth"}
    machine.unit("clock", "inactive")
    watching = machine.watch("clock:0:1:once")
    said, _ = watching.communicate(timeout=30)
    assert watching.returncode == 3
    assert "DescribeTargetHealth failed: not you" in said
    assert "which server is to run clock: the instance's role needs the right to" in said


# -- by the clock --


def charge(machine: Machine) -> tuple[int, str]:
    asking = machine.cloud.start("in-charge", "demo", SPOTKILN_RUN=str(machine.folder / "run"))
    said, _ = asking.communicate(timeout=20)
    return asking.returncode, said


def test_a_timer_runs_where_the_lowest_healthy_target_is(machine: Machine) -> None:
    machine.cloud.states = {MINE: "healthy", HIGHER: "healthy", LOWER: "draining"}
    machine.cloud.drains = False
    assert charge(machine) == (0, "")
    machine.cloud.states[LOWER] = "healthy"
    code, said = charge(machine)
    assert (code, "another server's turn" in said) == (1, True)
    machine.cloud.denied = {"DescribeTargetHealth"}
    # systemd skips a command for any other status.
    code, said = charge(machine)
    assert (code, "not you" in said) == (255, True)
    machine.role("tester")
    assert charge(machine) == (0, "")
