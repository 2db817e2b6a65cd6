"""The units of what runs beside the web process, and of timers."""

import subprocess
from pathlib import Path

import pytest

from spotkiln.bake.processes import RESERVED, Process
from spotkiln.bake.units import units
from spotkiln.errors import InputError
from tests.unit.bake.rendered import APP, BESIDE, SERVICES, folder, needs_systemd, read, render
from tests.unit.nouns import settled

__all__ = ["folder"]


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    return render(tmp_path, **BESIDE)


@needs_systemd
def test_systemd_accepts_all_units(beside: Path) -> None:
    every = [str(one) for one in sorted(beside.iterdir()) if one.is_file()]
    assert len(every) == len(SERVICES) + 2 + 1 + 2 * 2
    done = subprocess.run(
        ["systemd-analyze", "verify", *every], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "demo-web-app" in line] == []


def test_each_process_is_a_unit_of_its_own(beside: Path) -> None:
    unit, service = (read(beside / f"{APP}-worker.service")[x] for x in ("Unit", "Service"))
    assert service["ExecStart"].endswith('-c "exec bundle exec sidekiq -q 100%%"')
    assert (service["Type"], service["TimeoutStartSec"]) == ("notify", "20")
    assert (service["TimeoutStopSec"], service["MemoryMax"]) == ("40", "512M")
    assert (service["Restart"], service["RemainAfterExit"]) == ("always", "no")
    assert service["SyslogIdentifier"] == f"{APP}-worker"
    assert "PORT=" not in service["Environment"]
    assert int(unit["StartLimitIntervalSec"]) >= 4 * (20 + int(service["RestartSec"]))
    # In everything else as the web process.
    web = read(beside / f"{APP}.service")
    own = {"Type", "Environment", "ExecStart", "SyslogIdentifier", "MemoryMax", "Restart"}
    own |= {"TimeoutStartSec", "TimeoutStopSec"}
    assert {k: v for k, v in service.items() if k not in own} == {
        k: v for k, v in web["Service"].items() if k not in own
    }
    assert web["Service"]["MemoryMax"] == "infinity"
    # The JVM's status after SIGTERM: else one that a person stopped would be started again.
    assert service["SuccessExitStatus"] == "143"
    for drop_in in ("hardening.conf", "writable.conf"):
        texts = {(beside / f"{APP}{x}.service.d" / drop_in).read_text() for x in ("", "-worker")}
        assert len(texts) == 1


def test_the_web_process_starts_once_the_others_have(beside: Path) -> None:
    watch, web = f"{APP}-processes.service", read(beside / f"{APP}.service")["Unit"]
    assert watch in web["Requires"].split()
    assert watch in web["After"].split()
    own = read(beside / watch)
    assert own["Service"]["ExecStart"].split()[3:] == ["worker:0:40:each", "clock:15:30:once"]
    # The slowest may fail three times before.
    assert int(own["Service"]["TimeoutStartSec"]) > 4 * (20 + 1) + 15
    # At the end nobody waits for another one.
    for name in (watch, f"{APP}-worker.service"):
        unit = read(beside / name)["Unit"]
        others = {f"{APP}-worker.service", f"{APP}.service"}
        assert others & {*unit["After"].split(), *unit["Requires"].split()} == set()


def test_what_runs_on_one_server_does_not_start_by_itself(beside: Path) -> None:
    assert "Install" not in read(beside / f"{APP}-clock.service")
    assert read(beside / f"{APP}-worker.service")["Install"]["WantedBy"] == "multi-user.target"
    clock = read(beside / f"{APP}-clock.service")["Service"]
    assert clock["ExecStart"].endswith('-c "Q=1 exec bin/clock"')
    # Once it has ended well it is done, and still counts as active.
    assert (clock["Restart"], clock["RemainAfterExit"]) == ("on-failure", "yes")


def test_a_timer_is_two_units(beside: Path) -> None:
    service = read(beside / f"{APP}-report.service")["Service"]
    assert service["Type"] == "oneshot"
    assert service["TimeoutStartSec"] == "120"
    assert service["ExecStart"].endswith(r'-c "bin/report \"$$DAY\" | bin/mail"')
    assert service["ExecCondition"] == ""
    timer = read(beside / f"{APP}-report.timer")
    assert timer["Timer"]["OnCalendar"] == "Mon 06:30"
    assert timer["Install"]["WantedBy"] == "multi-user.target"
    condition = read(beside / f"{APP}-sweep.service")["Service"]["ExecCondition"]
    assert condition == f"/bin/bash /usr/local/lib/spotkiln/in-charge {APP}"


def test_their_lines_and_their_end_are_seen_to(beside: Path) -> None:
    console = read(beside / f"{APP}-console.service")
    shown = console["Service"]["ExecStart"].split()[3:]
    assert shown == ["worker", "clock", "report", "sweep", "processes"]
    before = console["Unit"]["Before"].split()
    assert {f"{APP}-{one}.service" for one in ("worker", "clock", "report", "sweep")} <= {*before}
    leaving = read(beside / f"{APP}-interruption.service")["Service"]["ExecStart"].split()[4:]
    services, timers = ("worker", "clock"), ("report", "sweep")
    assert leaving == [
        *(f"{APP}-{one}.service" for one in services),
        *(f"{APP}-{one}.timer" for one in timers),
    ]


def test_without_others_nothing_watches_for_them(folder: Path) -> None:
    assert not (folder / f"{APP}-processes.service").exists()
    assert "processes" not in (folder / f"{APP}.service").read_text()


def test_timers_alone_have_nothing_to_watch(tmp_path: Path) -> None:
    render(tmp_path, timers=BESIDE["timers"])
    assert not (tmp_path / f"{APP}-processes.service").exists()
    assert "-processes" not in (tmp_path / f"{APP}.service").read_text()


@pytest.mark.parametrize("name", ["web", "migrate", "a b", "../x"])
def test_no_process_takes_the_name_of_another_unit(name: str) -> None:
    app = settled().model_copy(update={"processes": {name: Process(start="a")}})
    with pytest.raises(InputError, match="is no name of a process or a timer"):
        units(app)


def test_no_other_unit_has_a_name_that_is_free(folder: Path) -> None:
    """Each unit of ours is reserved, or could be a process."""
    assert {
        one.name.removeprefix(f"{APP}-").removesuffix(".service")
        for one in folder.glob(f"{APP}-*.service")
    } <= RESERVED
