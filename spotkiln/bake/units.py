"""Units: what systemd and its scripts are given in an application's image, written from the
templates in systemd/. In a template, @NAME@ stands for a value."""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from spotkiln.bake.app import App
from spotkiln.bake.choices import Hardening, MigrateOn
from spotkiln.bake.configuration import VARIABLE
from spotkiln.bake.folders import bound, mounted, place_of, state_of, states
from spotkiln.bake.paths import FOLDER
from spotkiln.bake.processes import Process, Restart, Timer, why_no_name
from spotkiln.bake.recipe import ROOT
from spotkiln.bake.services import why_no_services
from spotkiln.bake.shell import ONE_LINE, replacing_the_shell
from spotkiln.errors import InputError

# In an image: /etc/systemd/system and /usr/local/lib/spotkiln. packer/scripts/app.sh copies them.
SYSTEM, SCRIPTS = "system", "lib"

# A template for each unit, by what stands behind the application's name.
PARTS = {
    "-migrate": "app-migrate.service",
    "-task": "app-task.service",
    "-hostname": "app-hostname.service",
    "-interruption": "app-interruption.service",
    "-role": "app-role.service",
    "-folders": "app-folders.service",
    "-mounts": "app-mounts.service",
    "-config": "app-config.service",
    "-console": "app-console.service",
    "-logs": "app-logs.service",
}
# Only where the tests have any.
SERVICES = "app-services.service"
# The web process and each other one; and what watches those.
PROCESS, WATCH = "app.service", "app-processes.service"
# Those that run what the application brings, and may therefore do little.
ITS_OWN = ("", "-migrate", "-task")
# Of these, those that may write what only a migration does.
MIGRATE = ("-migrate", "-task")
# Only of an application that has any.
MOUNTS = "-mounts"
# Linux lets nobody but root listen there without a right to it.
LAST_SYSTEM_PORT = 1023
PROTECTION = {
    Hardening.STRICT: "hardening.conf",
    Hardening.STANDARD: "hardening-standard.conf",
    Hardening.BASIC: "hardening-basic.conf",
}

# What stands in a unit without any quoting.
UNQUOTED = {
    "name": r"[a-z][a-z0-9-]{0,31}",
    "folder": f"({FOLDER})?",
    "user": r"[a-z_][a-z0-9_-]{0,30}",
}


def quoted(command: str) -> str:
    """A command as it must stand between double quotes in a unit's ExecStart."""
    text = command.replace("\\", "\\\\").replace('"', '\\"')
    return text.replace("$", "$$").replace("%", "%%")


def _binds(app: App, part: str) -> str:
    lines = (f"BindPaths={one}" for one in bound(app, migrates=part in MIGRATE))
    return "\n".join(lines)


def _values(app: App) -> dict[str, str]:
    """What all units of an application have in common."""
    return {
        "APP": app.name,
        "APP_USER": app.user,
        "FOLDER": place_of(app),
        "STATE": state_of(app),
        "STATES": " ".join(states(app)),
        "MOUNTS": " ".join(sorted(app.mounts)),
        "MOUNTED": " ".join(mounted(app)),
        "PORT": str(app.port),
        "MIGRATE_SECONDS": str(app.migrate_seconds),
        "STOP_SECONDS": str(app.stop_seconds),
        "TEST_SERVICES": "".join(f" {one}" for one in app.test_services),
        "CONFIG": "".join(f" {name}" for name in app.config),
        "MIGRATE_COMMAND": quoted(app.migrate or "true"),
        "MIGRATES_WHERE": f"/run/spotkiln/{app.name}/tester"
        if app.migrate_on is MigrateOn.ONCE
        else f"!/run/spotkiln/{app.name}/task",
        **_of_all_processes(app),
    }


def _of_all_processes(app: App) -> dict[str, str]:
    processes, beside = app.processes, [*app.processes, *app.timers]
    stopped = [*(f"{one}.service" for one in processes), *(f"{one}.timer" for one in app.timers)]
    return {
        "BESIDE": _listed(f"{app.name}-{one}" for one in stopped),
        "SHOWN": _listed(f"{app.name}-{one}.service" for one in beside),
        "NAMES": _listed([*beside, *(["processes"] if processes else [])]),
        "PROVED": f" {app.name}-processes.service" if processes else "",
        "WATCHED": _listed(
            f"{name}:{0 if one.notify else one.starts_within}:{one.stop_seconds}:"
            f"{'once' if one.once else 'each'}"
            for name, one in processes.items()
        ),
        "PROVE_SECONDS": str(
            max((_all_starts(one.starts_within) for one in processes.values()), default=0) + 120
        ),
    }


def _listed(words: Iterable[str]) -> str:
    """As they are put behind what stands in a line."""
    return "".join(f" {one}" for one in words)


def _all_starts(seconds: int) -> int:
    """What four starts take, each with its pause, and a little."""
    return 4 * seconds + 30


def _of_web(app: App) -> dict[str, str]:
    return {
        "UNIT": app.name,
        "NAME": "the application",
        "TYPE": "notify" if app.notify else "exec",
        "START_SECONDS": str(app.start_seconds),
        "START_LIMIT_INTERVAL": str(_all_starts(app.start_seconds)),
        "START_COMMAND": quoted(replacing_the_shell(app.start)),
        "VARIABLES": f" PORT={app.port}",
        "RESTART": Restart.ON_FAILURE,
        # One that ends without being told serves nothing.
        "MAY_END": "no",
        "MEMORY_MAX": _memory(app.memory_mb),
    }


def _of_process(app: App, name: str, process: Process) -> dict[str, str]:
    return {
        "UNIT": f"{app.name}-{name}",
        "NAME": f"its process {name}",
        "TYPE": "notify" if process.notify else "exec",
        "START_SECONDS": str(process.starts_within),
        "STOP_SECONDS": str(process.stop_seconds),
        "START_LIMIT_INTERVAL": str(_all_starts(process.starts_within)),
        "START_COMMAND": quoted(replacing_the_shell(process.start)),
        "VARIABLES": "",
        "PROVED": "",
        "RESTART": process.restart,
        "MAY_END": "yes" if process.restart is Restart.ON_FAILURE else "no",
        "MEMORY_MAX": _memory(process.memory_mb),
    }


def _of_timer(app: App, name: str, timer: Timer) -> dict[str, str]:
    in_charge = f"/bin/bash /usr/local/lib/spotkiln/in-charge {app.name}"
    return {
        "UNIT": f"{app.name}-{name}",
        "NAME": f"its timer {name}",
        "START_SECONDS": str(timer.seconds),
        "START_COMMAND": quoted(timer.run),
        "CONDITION": in_charge if timer.once else "",
        "ON": timer.on,
    }


def _memory(limit: int | None) -> str:
    return "infinity" if limit is None else f"{limit}M"


def _unfit(app: App) -> Iterator[str]:
    for key, pattern in UNQUOTED.items():
        if not re.fullmatch(pattern, value := getattr(app, key)):
            yield f"{key} is {value!r}, expected to match {pattern}"
    for key in ("writable", "migrate_writable", "mounts"):
        for path in getattr(app, key):
            if not re.fullmatch(FOLDER, path):
                yield f"{key} names {path!r}, expected a folder of the application"
    if why := why_no_services(app.test_services):
        yield f"test_services: {why}"
    if odd := [name for name in app.config if not VARIABLE.fullmatch(name)]:
        yield f"config names {odd}, expected variables"
    yield from _unfit_commands(app)


def _unfit_commands(app: App) -> Iterator[str]:
    for key in ("start", "migrate"):
        command = getattr(app, key)
        if "\0" in command or not re.search(ONE_LINE, command):
            yield f"{key} is {command!r}, expected one line"
    if not app.start.strip():
        yield "start is empty, expected a command"
    yield from _unfit_names(app)


def _unfit_names(app: App) -> Iterator[str]:
    for name in (*app.processes, *app.timers):
        if why := why_no_name(name):
            yield f"{name!r} is no name of a process or a timer: {why}"
    if both := app.processes.keys() & app.timers.keys():
        yield f"processes and timers have the same names: {', '.join(sorted(both))}"


def _require_fit(app: App) -> None:
    """What a person wrote has been checked, and told in words, where it was read. This is where it
    would become a line of a unit that root's systemd reads."""
    if unfit := list(_unfit(app)):
        raise InputError(f"no unit can be written of this application: {'; '.join(unfit)}")


def _rendered(template: str, values: dict[str, str], root: Path) -> str:
    text = (root / "systemd" / template).read_text()
    # In one go: a value may hold what looks like a name.
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], text)


def units(app: App, root: Path = ROOT) -> dict[str, str]:
    """The units and drop-ins by their names below /etc/systemd/system. `root` is where systemd/ is.

    Raises:
        InputError: values that no unit can have.
    """
    _require_fit(app)
    values = _values(app)

    def rendered(template: str, more: dict[str, str]) -> str:
        return _rendered(template, {**values, **more}, root)

    found = {
        f"{app.name}{part}.service": rendered(template, {})
        for part, template in PARTS.items()
        if part != MOUNTS or app.mounts
    }
    if app.test_services:
        found[f"{app.name}-services.service"] = rendered(SERVICES, {})
    found[f"{app.name}.service"] = rendered(PROCESS, _of_web(app))
    for name, process in app.processes.items():
        text = rendered(PROCESS, _of_process(app, name, process))
        # What may run on one server only, the watch starts.
        found[f"{app.name}-{name}.service"] = _not_at_boot(text) if process.once else text
    if app.processes:
        found[f"{app.name}-processes.service"] = rendered(WATCH, {})
    for name, timer in app.timers.items():
        own = _of_timer(app, name, timer)
        found[f"{app.name}-{name}.service"] = rendered("app-timer.service", own)
        found[f"{app.name}-{name}.timer"] = rendered("app-timer.timer", own)
    for part in (*ITS_OWN, *(f"-{name}" for name in (*app.processes, *app.timers))):
        drop_ins = f"{app.name}{part}.service.d"
        found[f"{drop_ins}/hardening.conf"] = rendered(PROTECTION[app.hardening], {})
        found[f"{drop_ins}/writable.conf"] = rendered("writable.conf", {"BINDS": _binds(app, part)})
        if app.mounts:
            found[f"{drop_ins}/mounts.conf"] = rendered("mounts.conf", {})
    if min(app.port, app.health_port) <= LAST_SYSTEM_PORT:
        found[f"{app.name}.service.d/ports.conf"] = rendered("ports.conf", {})
    return found


def _not_at_boot(unit: str) -> str:
    return unit.partition("\n[Install]")[0]


def image_files(app: App, root: Path = ROOT) -> dict[str, str]:
    """All that an image has of systemd/ for this application, by path: its units, and the scripts
    that they run."""
    scripts = {f"{SCRIPTS}/{one.stem}": one.read_text() for one in (root / "systemd").glob("*.sh")}
    return {f"{SYSTEM}/{name}": text for name, text in units(app, root).items()} | scripts


def write_files(app: App, folder: Path) -> Path:
    """Make `folder` anew, with these files in it."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in image_files(app).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
