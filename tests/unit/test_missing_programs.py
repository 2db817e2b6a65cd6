"""What is missing is told by its name, and how to get it: Docker and Packer each by itself, also
where the distribution has no package of it, as Debian 13 has none of Packer."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

NOTHING = "exit 0"
# Another program of that name: cracklib's.
NO_PACKER = "echo 12 words"
PACKER = "echo Packer v1.6.6"
DEBIAN_12 = "printf 'packer:\\n  Installed: (none)\\n  Candidate: 1.6.6+ds1-4+b8\\n'"
DEBIAN_13 = "printf 'packer:\\n  Installed: (none)\\n  Candidate: (none)\\n'"
UNKNOWN = NOTHING
HASHICORP = "developer.hashicorp.com/packer/install"


def bare_path(folder: Path) -> Path:
    """What scripts/setup.sh calls on its way, and no more."""
    folder.mkdir()
    for name in ("bash", "sh", "grep", "sleep", "seq", "env", "chmod", "test", "cat"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


class Machine:
    """Stand-ins for its programs; what apt-get was called with is written down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.has("uname", "echo Linux")
        self.has("id", "echo 0")
        self.installs("packer", PACKER)
        self.has("apt-cache", DEBIAN_12)
        self.has("packer", NO_PACKER)
        for name in ("docker", "dockerd", "debootstrap", "iptables", "ip"):
            self.has(name, NOTHING)

    def installs(self, name: str, script: str) -> None:
        """From now on apt-get brings that program."""
        made = f"printf '#!/bin/sh\\n%s\\n' '{script}' >{self.folder}/{name}"
        self.has(
            "apt-get",
            f'echo "$*" >>{self.folder}/apt\ncase "$*" in *install*) {made}; '
            f"chmod 0755 {self.folder}/{name} ;; esac",
        )

    def has(self, name: str, script: str) -> Path:
        file = self.folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def run(
        self, *command: str, stdin: int = subprocess.DEVNULL, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        own = {k: v for k, v in os.environ.items() if k != "PACKER"}
        return subprocess.run(
            [str(ROOT / "scripts" / command[0]), *command[1:]],
            env={**own, "PATH": f"{self.folder}:{os.environ['PATH']}", **variables},
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def installed(self) -> list[str]:
        file = self.folder / "apt"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.split()[-1] for line in lines if "install" in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_there_is_a_package_of_is_installed(machine: Machine) -> None:
    assert machine.run("setup.sh", "packer").returncode == 0
    assert machine.installed == ["packer"]


@pytest.mark.parametrize("policy", [DEBIAN_13, UNKNOWN])
@pytest.mark.parametrize("user", ["0", "1000"])
def test_no_package_of_packer(machine: Machine, policy: str, user: str) -> None:
    machine.has("apt-cache", policy)
    machine.has("id", f"echo {user}")
    done = machine.run("setup.sh", "packer")
    assert done.returncode == 1
    assert "missing: packer, and this system has no package of it" in done.stderr
    assert HASHICORP in done.stderr
    assert "PACKER=/path/to/packer" in done.stderr
    assert "apt-get install" not in done.stderr
    assert machine.installed == []


def test_what_has_a_package_is_installed_all_the_same(machine: Machine) -> None:
    machine.has("apt-cache", f'test "$2" = packer && {{ {DEBIAN_13}; exit; }}; {DEBIAN_12}')
    machine.installs("no-such-program", NOTHING)
    done = machine.run("setup.sh", "no-such-program", "packer")
    assert done.returncode == 1
    assert machine.installed == ["no-such-program"]
    assert "missing: packer" in done.stderr


def test_what_its_package_does_not_have_any_more_is_told(machine: Machine) -> None:
    done = machine.run("setup.sh", "no-such-program")
    assert done.returncode == 1
    assert "missing: no-such-program, also after apt-get install no-such-program" in done.stderr


@pytest.mark.parametrize(("known", "package"), [("docker-cli", "docker-cli"), ("", "docker.io")])
def test_dockers_client_is_a_package_of_its_own_since_debian_13(
    machine: Machine, tmp_path: Path, known: str, package: str
) -> None:
    machine.has("apt-cache", f'test "$2" = docker.io -o "$2" = "{known}" && {{ {DEBIAN_12}; }}')
    (machine.folder / "docker").unlink()
    machine.installs("docker", NOTHING)
    bare = f"{machine.folder}:{bare_path(tmp_path / 'bare')}"
    assert machine.run("setup.sh", "docker", PATH=bare).returncode == 0
    assert machine.installed == [package]


def test_apt_is_understood_in_every_language(machine: Machine) -> None:
    german = "printf 'packer:\\n  Installationskandidat: 1.6.6\\n'"
    machine.has("apt-cache", f'if [ "$LC_ALL" = C ]; then {DEBIAN_12}; else {german}; fi')
    assert machine.run("setup.sh", "packer", LC_ALL="de_DE.UTF-8").returncode == 0
    assert machine.installed == ["packer"]


def test_a_program_that_is_no_packer_and_waits_for_words_is_none(machine: Machine) -> None:
    machine.has("packer", "cat >/dev/null; echo 12 words")
    reader, writer = os.pipe()  # A terminal at which nobody types.
    try:
        assert machine.run("setup.sh", "packer", stdin=reader).returncode == 0
    finally:
        os.close(reader)
        os.close(writer)
    assert machine.installed == ["packer"]


def test_who_may_not_install_is_told_what_to_install(machine: Machine) -> None:
    machine.has("id", "echo 1000")
    done = machine.run("setup.sh", "packer")
    assert done.returncode == 1
    assert done.stderr == ("missing: run as root: apt-get install --no-install-recommends packer\n")


def test_a_packer_that_is_named_is_enough(machine: Machine) -> None:
    machine.has("apt-cache", DEBIAN_13)
    named = machine.has("packer-1.16", "echo Packer v1.16.0")
    assert machine.run("setup.sh", "packer", PACKER=str(named)).returncode == 0
    assert machine.installed == []


def test_a_packer_that_is_named_and_does_not_run_is_no_reason_for_another(
    machine: Machine,
) -> None:
    machine.has("packer", PACKER)
    done = machine.run("setup.sh", "packer", PACKER="/opt/packer")
    assert done.returncode == 1
    assert "PACKER is /opt/packer, which is no Packer that runs" in done.stderr
    assert machine.installed == []


@pytest.mark.parametrize(
    ("docker", "packer", "answer", "why"),
    [
        (NOTHING, PACKER, "docker", ""),
        (NOTHING, NO_PACKER, "simulated", "no Packer here: with simulated machines"),
        ("exit 1", PACKER, "simulated", "no Docker here: with simulated machines"),
        ("exit 1", NO_PACKER, "simulated", "no Docker and no Packer here: with simulated"),
    ],
)
def test_docker_and_packer_are_judged_apart(
    machine: Machine, docker: str, packer: str, answer: str, why: str
) -> None:
    machine.has("apt-cache", DEBIAN_13)
    machine.has("id", "echo 1000")
    machine.has("docker", docker)
    machine.has("packer", packer)
    done = machine.run("machines.sh")
    assert done.returncode == 0
    assert done.stdout == f"{answer}\n"
    assert why in done.stderr
    assert ("no Docker" in done.stderr) is (docker != NOTHING)
