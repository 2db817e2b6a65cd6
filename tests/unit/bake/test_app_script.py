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


def unpacked(folder: Path, script: str, **files: str) -> "subprocess.CompletedProcess[str]":
    """Unpacks an archive of these files as a bake does that goes on from a layer."""
    commit = folder / "commit"
    for name, text in files.items():
        (commit / name).parent.mkdir(parents=True, exist_ok=True)
        (commit / name).write_text(text)
    subprocess.run(
        ["tar", "-czf", str(folder / "a.tgz"), "-C", str(commit), "."], check=True, timeout=30
    )
    functions = SCRIPT.read_text().partition("\ntake_secrets\n")[0]
    # Where these are in an image.
    functions = functions.replace("released=/srv/$SPOTKILN_APP", f"released={folder}/srv")
    functions = functions.replace("layer=/etc/spotkiln/layer", f"layer={folder}/layer")
    (folder / "system").mkdir()
    (folder / "system" / "x.service").write_text("[Install]\n")
    return subprocess.run(
        ["bash", "-euc", f"{functions}\n{script}"],
        env={
            "PATH": os.environ["PATH"],
            "SPOTKILN_APP": "x",
            "SPOTKILN_USER": "webapp",
            "SPOTKILN_UNITS": str(folder),
            "SPOTKILN_ARCHIVE": str(folder / "a.tgz"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


OVER = "if unpack_over; then echo over; else echo anew; fi"


def test_a_commit_comes_beside_the_dependencies_of_its_layer(tmp_path: Path) -> None:
    """The lock files stay as the command has left them."""
    (tmp_path / "srv" / "node_modules").mkdir(parents=True)
    (tmp_path / "srv" / "node_modules" / "a.js").write_text("a")
    (tmp_path / "srv" / "package-lock.json").write_text("as npm has left it")
    (tmp_path / "layer").write_text("./package-lock.json\n")
    done = unpacked(tmp_path, OVER, **{"package-lock.json": "as committed", "src/x.js": "x"})
    assert (done.returncode, done.stdout) == (0, "over\n"), done.stderr
    kept = tmp_path / "srv"
    assert (kept / "package-lock.json").read_text() == "as npm has left it"
    assert (kept / "src" / "x.js").read_text() == "x"
    assert (kept / "node_modules" / "a.js").exists()


def test_what_both_have_counts_as_another_file(tmp_path: Path) -> None:
    """The command may have made it otherwise, had the commit's been there."""
    (tmp_path / "srv" / ".bundle").mkdir(parents=True)
    (tmp_path / "srv" / ".bundle" / "config").write_text("of the layer")
    (tmp_path / "layer").write_text("./Gemfile\n")
    done = unpacked(tmp_path, OVER, **{"Gemfile": "", ".bundle/config": "of the commit"})
    assert done.stdout.splitlines()[-1] == "anew"
    assert "the commit has files that its dependencies have made as well" in done.stdout
    assert ".bundle/config: Cannot open: File exists" in done.stderr


def test_without_a_layer_all_is_unpacked_anew(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / "stale").write_text("")
    done = unpacked(tmp_path, f"{OVER}\nunpack", x="x")
    assert (done.returncode, done.stdout) == (0, "anew\n"), done.stderr
    assert [one.name for one in (tmp_path / "srv").iterdir()] == ["x"]
