"""The units of a host: valid, hardened, and no part of an image."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.prefect_local import ROOT
from spotkiln.bake.units import image_files
from spotkiln.cli.units import units_of
from tests.unit.nouns import settled

HOST = ROOT / "systemd" / "host"
SERVICES = ["spotkiln-server", "spotkiln-worker", "spotkiln-receiver"]
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """As docs/push.md installs them."""
    for name, text in units_of("/opt/acme/.venv/bin", "/opt/acme").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def verify(units: Path) -> list[str]:
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(units.glob("spotkiln-*.s[eo]*[et]")))],
        capture_output=True,
        text=True,
        check=False,
    )
    # It exits with 0 on keys that it does not know; the programs are the host's.
    return [
        line
        for line in done.stderr.splitlines()
        if "spotkiln" in line and "is not executable" not in line
    ]


@needs_systemd
def test_systemd_accepts_them(units: Path) -> None:
    assert sorted(unit.stem for unit in units.glob("*.service")) == sorted(SERVICES)
    assert verify(units) == []
    unit = units / "spotkiln-receiver.service"
    unit.write_text(unit.read_text().replace("DynamicUser=", "DynamiteUser="))
    assert any("DynamiteUser" in line for line in verify(units))


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_exposure_is_below_two(units: Path, service: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=19", "--no-pager"]
    done = subprocess.run(
        [*command, str(units / f"{service}.service")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_they_are_no_part_of_any_image() -> None:
    names = {Path(one).stem for one in image_files(settled())}
    assert names & {one.stem for one in HOST.iterdir()} == set()


def test_what_the_units_start_is_there() -> None:
    """Of programs that this repository installs, and with settings that these have."""
    text = "".join(unit.read_text() for unit in sorted(HOST.glob("*.service")))
    started = re.findall(r"^ExecStart=/opt/spotkiln/(\S+)", text, re.MULTILINE)
    assert len(started) == len(list(HOST.glob("*.service")))
    here = Path(sys.executable).parent
    for program in started:
        assert program.startswith(".venv/bin/")
        assert (here / Path(program).name).is_file()
