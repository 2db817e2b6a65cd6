"""The units as they are rendered: valid, hardened, and saying what the contract says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from spotkiln.bake.units import units, write_files
from spotkiln.errors import InputError
from tests.unit.bake.rendered import APP, SERVICES, condition, folder, needs_systemd, read, render
from tests.unit.nouns import ROOT, settled

__all__ = ["folder"]


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
