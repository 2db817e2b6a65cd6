"""What `make` does on a machine that lacks something, for somebody who may not install it: a user
who is not in the group docker, and one of macOS. The programs that tell are stand-ins."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT
from tests.unit.test_install import program

# What is called on the way, and no more: whatever this machine has, the rest is missing.
CALLED = ("bash", "grep", "seq", "sleep", "make", "sh", "awk", "test")
REFUSES = "#!/bin/sh\necho 'permission denied: /var/run/docker.sock' >&2; exit 1\n"
SUCCEEDS = "#!/bin/sh\n"
PACKER = "#!/bin/sh\necho 'Packer v1.11.2'\n"
# Stands for Python: it says what it was called with.
PYTHON = '#!/bin/sh\necho "python $*"\n'


def machine(folder: Path, system: str = "Linux", user: str = "1000", **programs: str) -> str:
    """A PATH with these programs alone."""
    where = folder / "bin"
    for name, text in {
        "id": f"#!/bin/sh\necho {user}\n",
        "uname": f"#!/bin/sh\necho {system}\n",
        **programs,
    }.items():
        program(where / name, text)
    for name in CALLED:
        found = shutil.which(name)
        assert found
        (where / name).symlink_to(found)
    return str(where)


def setup(path: str, *programs: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", str(ROOT / "scripts" / "setup.sh"), *programs],
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_user_who_may_not_use_docker_is_told_how_they_may(tmp_path: Path) -> None:
    path = machine(tmp_path, docker=REFUSES, dockerd=SUCCEEDS)
    code, said = setup(path, "docker", "dockerd")
    assert code == 1
    assert said == (
        "Docker does not answer: start it (systemctl start docker) or join the group docker\n"
    )


def test_a_user_is_told_what_root_has_to_install(tmp_path: Path) -> None:
    path = machine(tmp_path, **{"apt-get": "#!/bin/sh\nexit 9\n"})
    assert setup(path, "docker", "zsh") == (
        1, "missing: run as root: apt-get install --no-install-recommends docker.io zsh\n"
    )  # fmt: skip


def test_on_macos_it_names_homebrews_packages_and_what_is_of_linux_alone(tmp_path: Path) -> None:
    path = machine(tmp_path, system="Darwin", user="501")
    assert setup(path, "packer") == (1, "missing: brew install hashicorp/tap/packer\n")
    assert setup(path, "docker", "dockerd", "debootstrap") == (
        1, "missing: docker, which there is on Linux alone\n"
    )  # fmt: skip


def test_nothing_is_said_of_what_is_there(tmp_path: Path) -> None:
    path = machine(tmp_path, docker=SUCCEEDS, dockerd=SUCCEEDS, packer=PACKER)
    assert setup(path, "docker", "dockerd", "packer") == (0, "")


@pytest.mark.parametrize(
    ("docker", "asked", "called"),
    [
        (REFUSES, ("up",), "python -m examples.up --machines simulated"),
        (REFUSES, ("up", "UI_PORT=4300"), "python -m examples.up --machines simulated --port 4300"),
        (REFUSES, ("demo",), "python -m examples.demo --machines simulated"),
        (REFUSES, ("sandbox",), "python -m sandbox up --machines simulated"),
        # On an account nobody asks for Docker.
        (REFUSES, ("up", "ACCOUNT=1"), "python -m examples.up --account"),
        (SUCCEEDS, ("up",), "python -m examples.up --machines docker"),
    ],
)
def test_without_docker_the_same_goes_on_with_simulated_machines(
    tmp_path: Path, docker: str, asked: tuple[str, ...], called: str
) -> None:
    given = dict.fromkeys(("dockerd", "debootstrap", "iptables", "ip"), SUCCEEDS)
    path = machine(tmp_path, docker=docker, packer=PACKER, **given)
    tree = tmp_path / "tree"
    (tree / "scripts").mkdir(parents=True)
    (tree / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in ("setup.sh", "machines.sh"):
        shutil.copy(ROOT / "scripts" / name, tree / "scripts")
    program(tree / ".venv" / "bin" / "python", PYTHON)
    for name in ("requirements.lock", "tools.lock", "pyproject.toml", ".venv/.done"):
        (tree / name).touch()
    os.utime(tree / ".venv" / ".done", (4e9, 4e9))
    done = subprocess.run(
        ["make", *asked], cwd=tree, env={"PATH": path}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].strip() == called
    told = "with simulated machines and a stand-in for Packer" in done.stderr
    assert told == ("simulated" in called and asked != ("sandbox",))
