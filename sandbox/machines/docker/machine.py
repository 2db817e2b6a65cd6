"""The state of one machine in docker."""

from dataclasses import replace

from docker.models.containers import Container

from sandbox.machines.docker.work import SerialWork
from sandbox.machines.protocol import MachineSpec, MachineStatus
from sandbox.metadata.tree import MetadataInstance


class Machine:
    """`status` is set by the caller who asks for a change, then by the machine's own queue."""

    def __init__(self, spec: MachineSpec, address: str, work: SerialWork) -> None:
        self.spec = spec
        self.work = work
        self.metadata = MetadataInstance(replace(spec, private_ip=address), address)
        self.address = address
        self.container: Container | None = None
        self.status: MachineStatus = "booting"
        self.reason = ""
        self.console = ""
        self.kernel = ""  # what a kernel of its own would have written to the console
        self.exited = False  # the watcher saw it end; why is not known yet
        self.ended = 0.0
