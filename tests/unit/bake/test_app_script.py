"""What an image's build refuses before it changes anything, and what it takes: the script's own
functions."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

SCRIPT = ROOT / "packer" / "scripts" / "app.sh"


def bash(folder: Path, app: str, script: str) -> "subprocess.CompletedProcess[str]":
    """Runs `script` with the functions of app.sh, before that does anything."""
    functions, ran, _ = SCRIPT.read_text().partition("\ntake_secrets\n")
    assert ran
    (folder / "system").mkdir()
    (folder / "system" / f"{app}.service").write_text("[Install]\n")
    return subprocess.run(
        ["bash", "-c", f"{functions}\n{script}"],
        env={
            "PATH": os.environ["PATH"],
            "SPOTKILN_APP": app,
            "SPOTKILN_USER": "webapp",
            "SPOTKILN_UNITS": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("app", "of_packages", "taken"),
    [
        # In memory, where the system has its own.
        ("lock", "", "/run/lock"),
        ("dpkg", "/var/lib/dpkg", "/var/lib/dpkg"),
        ("ssh", "/etc/ssh", "/etc/ssh"),
    ],
)
def test_a_name_that_the_system_has_is_refused(
    tmp_path: Path, app: str, of_packages: str, taken: str
) -> None:
    """Its folders would be removed, and its unit replaced."""
    dpkg = f'dpkg-query() {{ [[ $2 == "{of_packages}" ]]; }}'
    # Of what this machine has, only what each of them has.
    done = bash(tmp_path, app, f"{dpkg}\nrequire_own_name")
    assert done.returncode == 10
    assert f"the application's name, {app}, is taken in the base image: " in done.stderr
    assert taken in done.stderr or f"/lib/systemd/system/{app}.service" in done.stderr


def test_any_other_is_its_own(tmp_path: Path) -> None:
    done = bash(tmp_path, "no-such-application", "dpkg-query() { false; }\nrequire_own_name")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("/lib/systemd/system/dbus.socket:5: ListenStream= is below a legacy directory", 0),
        ("/etc/systemd/system/system.service.d/hardening.conf:3: Unknown key name", 30),
        ("system.service: Command bin/x is not executable", 30),
    ],
)
def test_only_what_is_said_of_its_own_units_counts(tmp_path: Path, said: str, code: int) -> None:
    """Not each line that has the application's name in it: one may be called system, or lib."""
    done = bash(tmp_path, "system", f"systemd-analyze() {{ echo '{said}'; }}\nverify_units")
    assert done.returncode == code
    assert (said in done.stderr) == bool(code)
