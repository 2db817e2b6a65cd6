"""What is done to one machine: launch, stop, start, commit to an image, remove.

The machine's queue calls these one after the other. Each blocks until docker has done it.
"""

import threading
import time
from collections.abc import Callable

import docker
from docker.errors import DockerException

from sandbox.machines.docker import container as containers
from sandbox.machines.docker.images import ImageStore
from sandbox.machines.docker.machine import Machine
from sandbox.machines.docker.network import SandboxNetwork
from sandbox.machines.docker.probe import wait_for_port
from sandbox.machines.protocol import MachineError
from sandbox.metadata.server import MetadataServer

_STOP_SECONDS = 60  # EC2 waits some minutes before it cuts the power
# EC2 says `running` some seconds after the power went on. Here sshd has to answer first, or this
# time to pass: some clients try at once (Packer does, and then waits 5 s).
_SSH_PORT = 22
_BOOT_SECONDS = 20.0


class Operations:
    """`uses` says whether a machine still uses an image. Once `closing` is set nothing is
    launched."""

    def __init__(
        self,
        client: docker.DockerClient,
        name: str,
        *,
        network: SandboxNetwork,
        api_address: str,
        metadata: MetadataServer,
        images: ImageStore,
        uses: Callable[[str], bool],
        closing: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._name = name
        self._network = network
        self._api_address = api_address
        self._metadata = metadata
        self._images = images
        self._uses = uses
        self._closing = closing
        self._say = say

    def launch(self, machine: Machine) -> None:
        if self._closing.is_set() or machine.status != "booting":
            return
        self._metadata.put(machine.metadata)
        try:
            machine.container = containers.create(
                self._client,
                sandbox=self._name,
                network=self._network.name,
                address=machine.address,
                image=self._images.ready(machine.spec.image_id),
                instance_id=machine.spec.instance_id,
                memory_mib=machine.spec.memory_mib,
                environment={"AWS_ENDPOINT_URL": self._api_address},
            )
            machine.container.start()
        except (DockerException, MachineError) as error:
            machine.reason = f"the machine could not be started: {error}"
            self._say(f"{machine.spec.instance_id}: {machine.reason}")
            self.remove(machine, 0)
            return
        self._boot(machine)

    def _boot(self, machine: Machine) -> None:
        def booting() -> bool:
            return machine.status == "booting" and not machine.exited

        wait_for_port(machine.address, _SSH_PORT, _BOOT_SECONDS, booting)
        if machine.status == "booting":
            machine.status = "running"

    def stop(self, machine: Machine) -> None:
        if machine.container is not None and machine.status == "stopping":
            machine.container.stop(timeout=_STOP_SECONDS)
            machine.status = "stopped"

    def start(self, machine: Machine) -> None:
        if machine.container is not None and machine.status == "booting":
            machine.container.start()
            self._boot(machine)

    def restart(self, machine: Machine) -> None:
        if machine.container is not None and machine.status == "running":
            machine.container.restart(timeout=_STOP_SECONDS)

    def commit(self, machine: Machine, image_id: str) -> None:
        if machine.container is None:
            self._images.fail(image_id)
            return
        self._images.make(machine.container, image_id)
        self._images.remove_doomed(self._uses)  # those that were deregistered meanwhile

    def remove(self, machine: Machine, seconds: int) -> None:
        """Safe to repeat. Whatever fails, the machine is `gone` afterwards."""
        try:
            if machine.container is not None:
                machine.console = containers.remove(machine.container, seconds)
        finally:
            if machine.ended == 0:
                machine.ended = time.monotonic()
                machine.container = None
                self._metadata.remove(machine.address)
                self._network.addresses.give_back(machine.address)
            machine.status = "gone"
        self._images.remove_doomed(self._uses)

    def after_exit(self, machine: Machine) -> None:
        """Find out why a machine ended on its own: it rebooted, shut down, or died."""
        machine.exited = False
        if machine.container is None or machine.status not in ("booting", "running"):
            return
        end = containers.how_it_ended(machine.container)
        if end == "rebooted":
            machine.container.start()
        elif end == "shut down":
            machine.status, machine.reason = "stopped", "shut down from inside"
        elif end == "died":
            machine.status, machine.reason = "gone", containers.why_it_died(machine.container)
            self.remove(machine, 0)
