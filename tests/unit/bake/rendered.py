"""Units as they are written for an application."""

import configparser
import shutil
from pathlib import Path
from typing import Any

import pytest

from spotkiln.bake.processes import Process, Restart, Timer
from spotkiln.bake.units import units
from tests.unit.nouns import settled

APP = "demo-web-app"


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


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
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


def condition(folder: Path, part: str) -> str:
    return read(folder / f"{APP}{part}.service")["Unit"].get("ConditionPathExists", "")
