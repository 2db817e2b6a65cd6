"""`spotkiln units`: a host's units, for the installation that writes them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spotkiln.cli.main import main
from spotkiln.cli.units import SHIPPED, require_readable, units_of
from spotkiln.errors import InputError

NAMES = {"spotkiln-server.service", "spotkiln-worker.service", "spotkiln-receiver.service"}


def test_they_name_the_installation_and_the_repository() -> None:
    made = units_of("/opt/acme/.venv/bin", "/opt/acme")
    services = {name for name in made if name.endswith(".service")}
    assert services == NAMES
    assert set(made) == {
        *NAMES,
        "spotkiln-receiver.socket",
        *(f"{one}.d/hardening.conf" for one in NAMES),
    }
    assert not [name for name, text in made.items() if SHIPPED in text]
    for one in NAMES:
        assert "\nExecStart=/opt/acme/.venv/bin/spotkiln" in made[one]
    assert "\nWorkingDirectory=/opt/acme\n" in made["spotkiln-worker.service"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/home/ada/acme", "outside of /home and /root"),
        ("/root", "outside of /home and /root"),
        ("/opt/our platform", "letters, digits"),
        ("/opt/100%", "letters, digits"),
    ],
)
def test_what_no_unit_could_read_is_refused(path: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_readable("the repository", path)
    require_readable("the repository", "/opt/acme-platform")
    require_readable("the repository", "/homestead")


def test_they_are_written_and_systemd_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    for _ in range(2):  # An upgrade writes them anew.
        assert main(["units", str(tmp_path), "--repository", "/usr", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
    assert {str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*.*") if one.is_file()} == (
        set(told["files"])
    )
    if not shutil.which("systemd-analyze"):
        return
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / one) for one in sorted(NAMES))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Its programs are not there.
    wrong = [
        line
        for line in done.stderr.splitlines()
        if "spotkiln" in line and "is not executable" not in line
    ]
    assert wrong == []
