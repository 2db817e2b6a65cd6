"""Machines that are containers, for a test; they end with it."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import DockerClient

from sandbox.machines.docker.machines import DockerMachines, connect
from sandbox.machines.docker.sweep import leftovers
from sandbox.machines.protocol import MachineError, MachineSpec, MachineState

NOTHING: dict[str, list[str]] = {
    "containers": [],
    "docker_images": [],
    "networks": [],
    "routing_rules": [],
}


def until(question: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Key:
    path: Path
    public: str


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    path = tmp_path_factory.mktemp("ssh") / "key"
    command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return Key(path, path.with_suffix(".pub").read_text())


@pytest.fixture(scope="module")
def client() -> Iterator[DockerClient]:
    try:
        made = connect()
    except MachineError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="module")
def name() -> str:
    return f"test-{os.getpid()}"


@pytest.fixture(scope="module")
def machines(client: DockerClient, name: str) -> Iterator[DockerMachines]:
    made = DockerMachines(name, print)
    yield made
    made.close()
    made.close()
    assert leftovers(client, name) == NOTHING


@pytest.fixture(scope="module")
def debian(machines: DockerMachines) -> str:
    image, older, ubuntu, *of_arm = machines.initial_images([])
    assert [one.architecture for one in of_arm] == ["arm64"] * 3
    assert of_arm[0].name == image.name.replace("amd64", "arm64")
    assert machines.image_state(of_arm[0].image_id) == "available"
    assert image.owner_id == older.owner_id == "136693071363"
    assert image.name.startswith("debian-13-amd64-")
    assert older.name.startswith("debian-12-amd64-")
    assert machines.image_state(image.image_id) == "available"
    assert ubuntu.name.startswith("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-")
    assert "makes no Ubuntu machines" in ubuntu.refused
    return image.image_id


@pytest.fixture(scope="module")
def bookworm(machines: DockerMachines, debian: str) -> str:
    return next(one.image_id for one in machines.initial_images([]) if one.image_id != debian)


@dataclass(frozen=True)
class Fleet:
    """Launches machines, and ends those of one test."""

    machines: DockerMachines
    debian: str
    key: Key
    launched: list[str]

    def launch(self, image: str = "", user_data: bytes = b"", memory_mib: int = 1024) -> str:
        instance_id = f"i-{len(self.launched)}-{time.monotonic_ns():x}"
        self.launched.append(instance_id)
        self.machines.launch(
            MachineSpec(
                instance_id=instance_id,
                image_id=image or self.debian,
                image_name="test",
                instance_type="t3.micro",
                memory_mib=memory_mib,
                region="eu-west-1",
                zone="eu-west-1a",
                zone_id="euw1-az1",
                account_id="123456789012",
                vpc_id="vpc-1",
                subnet_id="subnet-1",
                spot=True,
                private_ip="10.0.0.1",
                public_ip=None,
                key_name="demo",
                public_key=self.key.public,
                user_data=user_data,
            )
        )
        return instance_id

    def running(self, image: str = "", user_data: bytes = b"", memory_mib: int = 1024) -> str:
        instance_id = self.launch(image, user_data, memory_mib)
        self.until(instance_id, "running", 300)
        return instance_id

    def until(self, instance_id: str, status: str, seconds: float = 60) -> MachineState:
        observe = self.machines.observe
        until(lambda: observe(instance_id).status == status, f"{instance_id} {status}", seconds)
        return observe(instance_id)

    def ssh(self, instance_id: str, command: str, *options: str) -> str:
        """Logs in with a SHA-1 signature, which is all that Packer 1.6.6 can do."""
        address = self.machines.observe(instance_id).address
        ssh = ["ssh", "-i", str(self.key.path), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        ssh += ["-o", "PubkeyAcceptedAlgorithms=ssh-rsa", "-o", "LogLevel=ERROR", *options]
        done = subprocess.run(
            [*ssh, f"admin@{address}", command], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def image_of(self, instance_id: str, image_id: str) -> None:
        self.machines.create_image(instance_id, image_id, "test", {})
        assert self.machines.image_state(image_id) == "pending"
        until(lambda: self.machines.image_state(image_id) != "pending", f"{image_id} made")
        assert self.machines.image_state(image_id) == "available"


@pytest.fixture
def fleet(machines: DockerMachines, debian: str, key: Key) -> Iterator[Fleet]:
    made = Fleet(machines, debian, key, [])
    yield made
    for instance_id in made.launched:
        machines.terminate(instance_id)
    for instance_id in made.launched:
        made.until(instance_id, "gone")
