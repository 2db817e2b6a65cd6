"""Machines that are containers which boot systemd, in a network of the sandbox's own.

Each machine has a queue of work (launch, stop, commit, remove). A small pool of threads does the
work, in order. Questions are answered from memory. A watcher follows docker's events for
machines that end on their own.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import docker
from docker.errors import APIError, DockerException, NotFound

from sandbox.machines.docker import container as containers
from sandbox.machines.docker.images import ImageStore, forget_kept
from sandbox.machines.docker.machine import Machine
from sandbox.machines.docker.network import SandboxNetwork
from sandbox.machines.docker.operations import Operations
from sandbox.machines.docker.probe import probe
from sandbox.machines.docker.sweep import leftovers, sweep
from sandbox.machines.docker.work import SerialWork
from sandbox.machines.protocol import (
    ImageStatus,
    InitialImage,
    MachineError,
    MachineSpec,
    MachineState,
    MetadataOptions,
    ProbeResult,
)
from sandbox.metadata.server import MetadataServer
from sandbox.metadata.tree import InstanceAction

_WORKERS = 8
_TERMINATE_SECONDS = 5
_REMEMBER_SECONDS = 3600  # as long as EC2 shows a terminated instance


class DockerMachines:
    """Implements `sandbox.machines.protocol.Machines` with real operating systems.

    `name` distinguishes this sandbox's containers, images and network from those of others:
    lower-case letters, digits and dashes. What an earlier sandbox of the same name left is
    removed first, with `spare_images` all but its images.
    """

    def __init__(
        self,
        name: str,
        say: Callable[[str], None] = lambda _: None,
        *,
        spare_images: bool = False,
    ) -> None:
        self._name = name
        self._say = say
        self._client = connect()
        sweep(self._client, name, spare_images=spare_images)
        self._network = SandboxNetwork(self._client, name)
        self._metadata = MetadataServer(self._network.metadata_socket())
        self._api = self._network.api_socket()
        self._images = ImageStore(self._client, name, say)
        self._machines: dict[str, Machine] = {}
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="machines")
        self._closing = threading.Event()
        self._operations = Operations(
            self._client,
            name,
            network=self._network,
            api_address=self._network.api_address(self._api),
            metadata=self._metadata,
            images=self._images,
            uses=self._uses,
            closing=self._closing,
            say=say,
        )
        self._watcher = containers.Watcher(self._client, name, self._on_exit, self._on_oom)

    # Images

    def initial_images(self, kept: Sequence[str]) -> list[InitialImage]:
        return self._images.initial(kept)

    def restore_images(self, images: Mapping[str, tuple[str, Mapping[str, str]]]) -> set[str]:
        return self._images.restore(set(images))

    def create_image(
        self,
        instance_id: str,
        image_id: str,
        name: str,  # noqa: ARG002 - the account knows it
        tags: Mapping[str, str],  # noqa: ARG002
    ) -> None:
        machine = self._machines[instance_id]
        self._images.begin(image_id)
        machine.work.add(lambda: self._operations.commit(machine, image_id))

    def copy_image(self, source_id: str, image_id: str, name: str, tags: Mapping[str, str]) -> None:
        del name, tags
        self._images.copy(source_id, image_id)

    def image_state(self, image_id: str) -> ImageStatus:
        return self._images.state(image_id)

    def remove_image(self, image_id: str) -> None:
        self._pool.submit(self._images.remove, image_id, self._uses)

    def keep_image(
        self,
        image_id: str,
        key: str,
        name: str,
        tags: Mapping[str, str],
        architecture: str = "x86_64",
    ) -> None:
        self._images.keep(image_id, key, name, tags, architecture)

    def forget_images(self) -> list[str]:
        return forget_kept(self._client)

    # Machines

    def launch(self, spec: MachineSpec) -> None:
        self._forget_old()
        work = SerialWork(self._pool, self._say)
        try:
            machine = Machine(spec, self._network.addresses.take(), work)
            machine.work.add(lambda: self._operations.launch(machine))
        except MachineError as error:
            machine = Machine(spec, "", work)
            machine.status, machine.reason = "gone", str(error)
            machine.ended = time.monotonic()
        self._machines[spec.instance_id] = machine

    def observe(self, instance_id: str) -> MachineState:
        machine = self._machines.get(instance_id)
        if machine is None:
            return MachineState("gone", reason="unknown machine")
        # It has one before it boots, as on EC2: whoever has launched it may ask at once.
        alive = machine.status != "gone"
        return MachineState(machine.status, machine.address if alive else None, machine.reason)

    def stop(self, instance_id: str) -> None:
        machine = self._machines.get(instance_id)
        if machine and machine.status in ("booting", "running"):
            machine.status = "stopping"
            machine.work.add(lambda: self._operations.stop(machine))

    def start(self, instance_id: str) -> None:
        machine = self._machines.get(instance_id)
        if machine and machine.status in ("stopping", "stopped"):
            machine.status = "booting"
            machine.work.add(lambda: self._operations.start(machine))

    def reboot(self, instance_id: str) -> None:
        machine = self._machines.get(instance_id)
        if machine and machine.status == "running":
            machine.work.add(lambda: self._operations.restart(machine))

    def terminate(self, instance_id: str) -> None:
        machine = self._machines.get(instance_id)
        if machine and machine.status != "gone":
            machine.status = "stopping"
            machine.work.add(lambda: self._operations.remove(machine, _TERMINATE_SECONDS))

    def kill(self, instance_id: str) -> None:
        machine = self._machines.get(instance_id)
        if machine and machine.status != "gone":
            machine.status, machine.reason = "gone", "the machine was killed"
            self._pool.submit(containers.kill, machine.container)
            machine.work.add(lambda: self._operations.remove(machine, 0))

    def console(self, instance_id: str) -> str:
        machine = self._machines.get(instance_id)
        if machine is None:
            return ""
        if machine.container is None or machine.status == "gone":
            return machine.console + machine.kernel
        return (containers.console(machine.container) or machine.console) + machine.kernel

    def notice(self, instance_id: str, action: str, time: str) -> None:
        machine = self._machines.get(instance_id)
        if machine and machine.status != "gone":
            machine.metadata = replace(machine.metadata, notice=InstanceAction(action, time))
            self._metadata.put(machine.metadata)

    def recommend_rebalance(self, instance_id: str, time: str) -> None:
        machine = self._machines.get(instance_id)
        if machine and machine.status != "gone":
            machine.metadata = replace(machine.metadata, rebalance=time)
            self._metadata.put(machine.metadata)

    def change_metadata(
        self, instance_id: str, options: MetadataOptions, tags: Mapping[str, str]
    ) -> None:
        machine = self._machines.get(instance_id)
        if machine and machine.status != "gone":
            spec = replace(machine.metadata.spec, metadata=options, tags=tags)
            machine.metadata = replace(machine.metadata, spec=spec)
            self._metadata.put(machine.metadata)

    def api_socket(self) -> socket.socket:
        return self._api

    # Requests to machines

    def probe(self, instance_id: str, port: int, path: str, timeout_seconds: float) -> ProbeResult:
        endpoint = self.endpoint(instance_id, port)
        if endpoint is None:
            return ProbeResult(error="timeout")  # no machine has this address
        return probe(*endpoint, path, timeout_seconds)

    def endpoint(self, instance_id: str, port: int) -> tuple[str, int] | None:
        state, machine = self.observe(instance_id), self._machines.get(instance_id)
        there = machine is not None and machine.container is not None
        reachable = there and state.status in ("booting", "running", "stopping")
        return (state.address, port) if reachable and state.address else None

    # The end

    def leftovers(self) -> dict[str, list[str]]:
        return leftovers(self._client, self._name)

    def close(self, *, spare_images: bool = False) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        self._watcher.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        sweep(self._client, self._name, spare_images=spare_images)
        self._pool.shutdown(wait=True)
        self._metadata.close()
        self._api.close()
        # What was still being made.
        sweep(self._client, self._name, spare_images=spare_images)
        self._client.close()

    # What has ended, and what is in use

    def _on_exit(self, instance_id: str) -> None:
        machine = self._machines.get(instance_id)
        if machine is not None and machine.status in ("booting", "running"):
            machine.exited = True
            machine.work.add(lambda: self._operations.after_exit(machine))

    def _on_oom(self, instance_id: str) -> None:
        """What a kernel of its own would write to the console."""
        if machine := self._machines.get(instance_id):
            spec = machine.spec
            memory = f"{spec.instance_type} has {spec.memory_mib} MiB"
            machine.kernel += f"Out of memory: a process was killed; {memory}\n"

    def _uses(self, image_id: str) -> bool:
        return any(
            machine.spec.image_id == image_id and machine.ended == 0
            for machine in list(self._machines.values())
        )

    def _forget_old(self) -> None:
        now = time.monotonic()
        for instance_id, machine in list(self._machines.items()):
            if machine.ended and now - machine.ended > _REMEMBER_SECONDS:
                del self._machines[instance_id]


def connect() -> docker.DockerClient:
    """Raises MachineError if no docker daemon answers."""
    try:
        client = docker.from_env(timeout=600, max_pool_size=_WORKERS + 4)
        client.ping()
    except (DockerException, APIError, NotFound) as error:
        raise MachineError(
            f"No docker daemon answered: {error}. Start it (`systemctl start docker` or "
            "`dockerd`), or use `--machines simulated`."
        ) from error
    return client
