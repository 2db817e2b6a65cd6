"""The units as they are rendered: valid, hardened, and saying what the contract says."""

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.processes import RESERVED, Process, Restart, Timer
from spotkiln.bake.shell import why_not_one_command
from spotkiln.bake.units import units, write_files
from spotkiln.errors import InputError
from tests.unit.nouns import ROOT, settled

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
APP = "demo-web-app"
PARTS = [
    *("migrate", "task", "hostname", "role", "config", "folders", "console", "interruption"),
    "logs",
]
BESIDE: dict[str, Any] = {
    "processes": {
        "worker": Process(
            start="bundle exec sidekiq -q 100%",
            notify=True,
            start_seconds=20,
            stop_seconds=40,
            memory_mb=512,
        ),
        "clock": Process(start="Q=1 bin/clock", once=True, restart=Restart.ON_FAILURE),
    },
    "timers": {
        "report": Timer(run='bin/report "$DAY" | bin/mail', on="Mon 06:30", seconds=120),
        "sweep": Timer(run="bin/sweep", on="hourly", once=True),
    },
}
SERVICES = [APP, *(f"{APP}-{part}" for part in PARTS)]


WRITABLE = ("log", "tmp", "tmp/pids", ".next/cache")


def render(target: Path, **app: Any) -> Path:
    """The units of an application, as files."""
    for name, text in units(settled(**{"writable": WRITABLE, **app})).items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text(text)
    return target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return render(tmp_path)


def read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit)
    return parser


def test_no_placeholder_is_left(folder: Path) -> None:
    files = [one for one in folder.rglob("*") if one.is_file()]
    assert {f"{service}.service" for service in SERVICES} <= {one.name for one in files}
    lines = [line for one in files for line in one.read_text().splitlines() if line[:1] != "#"]
    # SystemCallFilter's groups have an @ too, but only one.
    assert [line for line in lines if line.count("@") > 1] == []


def test_what_is_told_from_unit_to_unit_stays_when_one_ends(folder: Path) -> None:
    """Such as that it leaves: what the watch has stopped is not to start again after it."""
    for part in ("interruption", "config"):
        unit = read(folder / f"{APP}-{part}.service")["Service"]
        assert unit["RuntimeDirectoryPreserve"] == "yes", part


@needs_systemd
@pytest.mark.parametrize("notify", [True, False])
def test_systemd_accepts_the_units(tmp_path: Path, *, notify: bool) -> None:
    render(tmp_path, notify=notify)
    units = [str(tmp_path / f"{service}.service") for service in SERVICES]
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    # It exits with 0 on keys that it does not know, and only says so.
    complaints = [line for line in done.stderr.splitlines() if "demo-web-app" in line]
    assert complaints == []


@needs_systemd
def test_verify_would_notice(tmp_path: Path) -> None:
    """The check above reads the right thing: an unknown key in our unit is a complaint."""
    render(tmp_path)
    unit = tmp_path / "demo-web-app.service"
    unit.write_text(unit.read_text().replace("KillMode=", "KilMode="))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert any("demo-web-app" in line and "KilMode" in line for line in done.stderr.splitlines())


@needs_systemd
@pytest.mark.parametrize("service", ["demo-web-app", "demo-web-app-migrate"])
def test_exposure_is_below_three(folder: Path, service: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=29", "--no-pager"]
    done = subprocess.run(
        [*command, str(folder / f"{service}.service")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@needs_systemd
def test_exposure_comes_from_the_drop_in(folder: Path) -> None:
    """Without the hardening the threshold is exceeded, so the check above can fail."""
    shutil.rmtree(folder / "demo-web-app.service.d")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=29", "--no-pager"]
    done = subprocess.run(
        [*command, str(folder / "demo-web-app.service")], capture_output=True, check=False
    )
    assert done.returncode != 0


def test_application_starts_after_its_migration_and_needs_it(folder: Path) -> None:
    unit = read(folder / "demo-web-app.service")["Unit"]
    assert "demo-web-app-migrate.service" in unit["Requires"].split()
    assert "demo-web-app-migrate.service" in unit["After"].split()


@pytest.mark.parametrize("service", [APP, f"{APP}-migrate"])
def test_nothing_starts_before_the_machine_knows_what_it_is(folder: Path, service: str) -> None:
    """The only environment is that of the role: without one there is no such file."""
    unit = read(folder / f"{service}.service")
    assert f"{APP}-role.service" in unit["Unit"]["Requires"].split()
    assert f"{APP}-role.service" in unit["Unit"]["After"].split()
    # The last one goes before the one that is the image's own.
    text = (folder / f"{service}.service").read_text()
    assert re.findall(r"^EnvironmentFile=(.*)$", text, re.MULTILINE) == [
        f"/run/spotkiln/{APP}/environment",
        f"/run/{APP}/config.env",
    ]
    for needed in ("role", "config"):
        assert f"{APP}-{needed}.service" in unit["Unit"]["Requires"].split()
        assert f"{APP}-{needed}.service" in unit["Unit"]["After"].split()
    assert read(folder / f"{APP}-role.service")["Service"]["RuntimeDirectory"] == f"spotkiln/{APP}"
    for file in folder.rglob(f"{service}.service*"):
        assert not file.is_file() or f"/etc/{APP}" not in file.read_text()


def test_application_waits_for_the_name_but_serves_without(folder: Path) -> None:
    unit = read(folder / "demo-web-app.service")["Unit"]
    assert "demo-web-app-hostname.service" in unit["After"].split()
    # Wanted, a failed one would be tried again, for half a minute, before each restart.
    assert "hostname" not in unit["Wants"] + unit["Requires"]
    install = read(folder / "demo-web-app-hostname.service")["Install"]
    assert install["WantedBy"] == "multi-user.target"


def test_start_limit_is_reached_even_by_the_slowest_crash_loop(tmp_path: Path) -> None:
    render(tmp_path, start_seconds=200)
    parser = read(tmp_path / "demo-web-app.service")
    unit, service = parser["Unit"], parser["Service"]
    attempt = int(service["TimeoutStartSec"]) + int(service["RestartSec"])
    assert int(unit["StartLimitIntervalSec"]) >= int(unit["StartLimitBurst"]) * attempt
    assert service["Restart"] == "on-failure"


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_waits_for_the_end_of_the_boot(folder: Path, service: str) -> None:
    """cloud-final runs after multi-user.target: a unit of that ordered after it is a cycle."""
    text = (folder / f"{service}.service").read_text()
    assert "cloud-final" not in text
    assert "cloud-init.target" not in text
    assert "After=multi-user" not in text


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("bin/serve --port $PORT", "bin/serve --port $$PORT"),
        ("bin/serve --format %h", "bin/serve --format %%h"),
        ('bin/serve "two words"', r"bin/serve \"two words\""),
        (r"bin/serve a\b", r"bin/serve a\\b"),
        ("bin/serve 'a&b'", "bin/serve 'a&b'"),
    ],
)
def test_start_command_is_quoted_for_systemd(tmp_path: Path, command: str, written: str) -> None:
    render(tmp_path, start=command)
    service = read(tmp_path / "demo-web-app.service")["Service"]
    assert service["ExecStart"] == f'/bin/bash -euo pipefail -c "exec {written}"'


def run_as_systemd(unit: Path, folder: Path) -> list[str]:
    """What the start command becomes when its shell runs: the environment and the arguments of
    the program `server`, which must have replaced the shell."""
    server = folder / "server"
    server.write_text('#!/bin/bash\nprintf "%s\\n" "$$" "${MODE-}" "${OTHER-}" "$@"\n')
    server.chmod(0o755)
    line = re.fullmatch(r'/bin/bash -euo pipefail -c "(.*)"', read(unit)["Service"]["ExecStart"])
    assert line
    # What systemd makes of a quoted argument.
    text = re.sub(r"\\(.)", r"\1", line[1]).replace("$$", "$").replace("%%", "%")
    process = subprocess.Popen(
        ["/bin/bash", "-euo", "pipefail", "-c", text],
        env={"PATH": f"{folder}:/usr/bin:/bin", "PORT": "3000"},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    pid, *rest = said.splitlines()
    assert pid == str(process.pid)
    return rest


@pytest.mark.parametrize("part", ["", "-migrate", "-worker", "-clean"])
def test_a_value_may_stand_before_every_command(tmp_path: Path, part: str) -> None:
    """Of the application, its migration, a process and a timer: as systemd starts each."""
    say = tmp_path / "say"
    say.write_text('#!/bin/bash\nprintf "%s\\n" "${MODE-}" "$@"\n')
    say.chmod(0o755)
    command = 'MODE="a b" say 100% \'c "d"\' $HOME'
    render(
        tmp_path,
        start=command,
        migrate=command,
        processes={"worker": {"start": command}},
        timers={"clean": {"run": command, "on": "daily"}},
    )
    line = read(tmp_path / f"{APP}{part}.service")["Service"]["ExecStart"]
    # systemd's quotes are a shell's; it doubles what it would read itself.
    arguments = [one.replace("$$", "$").replace("%%", "%") for one in shlex.split(line)]
    done = subprocess.run(
        arguments,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/var/lib/x"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.splitlines() == ["a b", "100%", 'c "d"', "/var/lib/x"]


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ("server one", ["", "", "one"]),
        ("MODE=production server", ["production", ""]),
        ("MODE='a  b' OTHER=\"c $PORT\" server d", ["a  b", "c 3000", "d"]),
        ("MODE=a\\ b OTHER= server c=d", ["a b", "", "c=d"]),
        ("MODE=$(echo 5; echo 6) OTHER=`echo 7` server", ["5", "6", "7"]),
        ("  MODE=100%  server 'MODE=x y'", ["100%", "", "MODE=x y"]),
        ("server MODE=x 2>&1 </dev/null", ["", "", "MODE=x"]),
    ],
)
def test_a_value_before_the_start_command_is_set_for_it(
    tmp_path: Path, command: str, seen: list[str]
) -> None:
    assert not why_not_one_command(command)
    render(tmp_path, start=command)
    assert run_as_systemd(tmp_path / "demo-web-app.service", tmp_path) == seen


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "Demo App"),
        ("name", "../etc"),
        ("user", "web app"),
        ("folder", "../demo-web-app"),
        ("folder", "a b"),
        ("folder", "%h"),
        ("folder", "-x"),
        ("start", " "),
        ("start", "a\nExecStartPre=b"),
        ("migrate", "a\nExecStartPre=b"),
        ("migrate", "a\rExecStartPre=b"),
        ("start", "a\0b"),
    ],
)
def test_values_that_no_unit_can_have_are_refused(key: str, value: str) -> None:
    """Whoever made the application's model: a copy of one is not checked anew."""
    app = settled().model_copy(update={key: value})
    with pytest.raises(InputError, match=f"no unit can be written of this application: {key} is"):
        units(app)


# What it may do, and where it may write.


@needs_systemd
@pytest.mark.parametrize(("level", "tenths"), [("strict", 29), ("standard", 29), ("basic", 60)])
def test_each_level_keeps_its_exposure(tmp_path: Path, level: str, tenths: int) -> None:
    render(tmp_path, hardening=level)
    for service in (APP, f"{APP}-migrate"):
        unit = str(tmp_path / f"{service}.service")
        command = ["systemd-analyze", "security", "--offline=true", f"--threshold={tenths}"]
        done = subprocess.run([*command, "--no-pager", unit], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("level", ["strict", "standard", "basic"])
def test_at_each_level_it_is_nobody_and_its_files_are_read_only(tmp_path: Path, level: str) -> None:
    render(tmp_path, hardening=level)
    service = read(tmp_path / f"{APP}.service.d" / "hardening.conf")["Service"]
    assert (service["ProtectSystem"], service["NoNewPrivileges"]) == ("strict", "yes")
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""


def test_by_default_it_sees_processors_and_memory(folder: Path) -> None:
    """Node's os.cpus() is empty without, and what looks into /proc/meminfo fails."""
    for service in (APP, f"{APP}-migrate"):
        assert (
            "ProcSubset" not in read(folder / f"{service}.service.d" / "hardening.conf")["Service"]
        )


def binds(folder: Path, service: str) -> list[str]:
    text = (folder / f"{service}.service.d" / "writable.conf").read_text()
    return re.findall(r"^BindPaths=(.*)$", text, re.MULTILINE)


STATE = f"/var/lib/{APP}"


@pytest.mark.parametrize("service", [APP, f"{APP}-migrate"])
def test_it_may_write_to_its_own_folders_alone(folder: Path, service: str) -> None:
    """They are in its state folder; one within another comes with that."""
    assert binds(folder, service) == [
        f"{STATE}/writable/{path}:/srv/{APP}/{path}" for path in (".next/cache", "log", "tmp")
    ]
    unit = read(folder / f"{service}.service.d" / "writable.conf")["Unit"]
    assert unit["Requires"] == unit["After"] == f"{APP}-folders.service"
    made = read(folder / f"{APP}-folders.service")["Service"]["ExecStart"]
    kinds = "writable/.next/cache writable/log writable/tmp"
    assert made == f"/bin/bash /usr/local/lib/spotkiln/folders {STATE} /srv/{APP} {kinds}"


def test_what_the_migration_alone_writes_is_its_own(tmp_path: Path) -> None:
    """Also within a folder that all write to; what is theirs together is no one's own."""
    by_migration = ("db", "tmp", "log/old", "storage/seed")
    render(tmp_path, writable=("log", "tmp/pids"), migrate_writable=by_migration)
    assert binds(tmp_path, APP) == [
        f"{STATE}/writable/{path}:/srv/{APP}/{path}" for path in ("log", "tmp/pids")
    ]
    own = [f"{STATE}/migration/{path}:/srv/{APP}/{path}" for path in ("db", "storage/seed", "tmp")]
    assert [one for one in binds(tmp_path, f"{APP}-migrate") if "/migration/" in one] == own
    made = read(tmp_path / f"{APP}-folders.service")["Service"]["ExecStart"]
    assert made.endswith(
        " writable/log writable/tmp/pids migration/db migration/storage/seed migration/tmp"
    )


def test_one_in_a_folder_of_a_repository_has_its_folders_there(tmp_path: Path) -> None:
    render(tmp_path, folder="apps/web", writable=("tmp",))
    assert binds(tmp_path, APP) == [f"{STATE}/writable/tmp:/srv/{APP}/apps/web/tmp"]


def test_one_that_writes_nowhere_has_no_folder(tmp_path: Path) -> None:
    render(tmp_path, writable=())
    assert binds(tmp_path, APP) == []


@pytest.mark.parametrize(
    ("ports", "allowed"),
    [((80, 80), True), ((1023, 9000), True), ((8080, 81), True), ((1024, 1024), False)],
)
@needs_systemd
def test_it_may_listen_below_1024_if_it_says_so(
    tmp_path: Path, ports: tuple[int, int], *, allowed: bool
) -> None:
    """By one capability, for itself and not for its migration; its exposure stays low."""
    render(tmp_path, port=ports[0], health_port=ports[1])
    files = tmp_path.glob("*.d/ports.conf")
    assert [one.parent.name for one in files] == [f"{APP}.service.d"] * allowed
    if allowed:
        right = read(tmp_path / f"{APP}.service.d" / "ports.conf")["Service"]
        assert {*right.values()} == {"CAP_NET_BIND_SERVICE"}
        assert {*right} == {"AmbientCapabilities", "CapabilityBoundingSet"}
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=29", "--no-pager"]
    unit = str(tmp_path / f"{APP}.service")
    assert subprocess.run([*command, unit], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("key", ["writable", "migrate_writable", "mounts"])
@pytest.mark.parametrize(
    "value", ["/etc", "..", "tmp/../..", "a b/../c", "tmp/", "$HOME", "%h", "*"]
)
def test_no_other_folder_can_be_made_writable(key: str, value: str) -> None:
    app = settled().model_copy(update={key: ("tmp", value)})
    with pytest.raises(InputError, match="expected a folder of the application"):
        units(app)


def test_what_an_image_gets_is_written_anew(tmp_path: Path) -> None:
    app, folder = settled(), tmp_path / "units"
    (folder / "system").mkdir(parents=True)
    (folder / "system" / "left.service").touch()
    assert write_files(app, folder) == folder
    assert {one.name for one in (folder / "system").glob("*.service")} == {
        f"{service}.service" for service in SERVICES
    }
    scripts = {one.name for one in (folder / "lib").iterdir()}
    assert scripts == {one.stem for one in (ROOT / "systemd").glob("*.sh")}
    # Each that a unit starts is there.
    for text in units(app).values():
        assert set(re.findall(r"/usr/local/lib/spotkiln/([\w-]+)", text)) <= scripts


def condition(folder: Path, part: str) -> str:
    return read(folder / f"{APP}{part}.service")["Unit"].get("ConditionPathExists", "")


@pytest.mark.parametrize(
    ("migrate_on", "where"),
    [("once", f"/run/spotkiln/{APP}/tester"), ("each", f"!/run/spotkiln/{APP}/task")],
)
def test_where_the_migration_runs(tmp_path: Path, migrate_on: str, where: str) -> None:
    """The image test migrates its own database either way."""
    render(tmp_path, migrate_on=migrate_on)
    assert condition(tmp_path, "-migrate") == where
    assert condition(tmp_path, "") == f"!/run/spotkiln/{APP}/task"
    assert read(tmp_path / f"{APP}-task.service")["Unit"]["AssertPathExists"] == (
        f"/run/spotkiln/{APP}/task"
    )


def test_what_looks_like_a_placeholder_stays_as_it_is(tmp_path: Path) -> None:
    render(tmp_path, start="bin/serve @APP@ @PORT@")
    service = read(tmp_path / "demo-web-app.service")["Service"]
    assert service["ExecStart"].endswith('-c "exec bin/serve @APP@ @PORT@"')


def test_without_a_migration_its_unit_does_nothing_well(tmp_path: Path) -> None:
    render(tmp_path, migrate="")
    command = read(tmp_path / f"{APP}-migrate.service")["Service"]["ExecStart"]
    assert command.endswith(' "true"')


# What runs beside the web process, and by the clock.


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
