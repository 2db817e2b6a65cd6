"""What the sandbox's API half needs from machines, whatever they are made of.

Two kinds implement `Machines`: `DockerMachines` (containers that boot systemd,
the room `docker`) and `SimulatedMachines` (scripts and a clock, the room `simulated`).

The API half owns ids, names, tags and AWS's states. Machines own what is running, and images'
contents. The API half polls `observe` and `image_state`; nothing here calls back into it.
All methods may be called from several threads; the ones marked "returns at once" do their work
in a thread of their own and never raise for what goes wrong later: that shows in the state.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

MachineStatus = Literal["booting", "running", "stopping", "stopped", "gone"]
ImageStatus = Literal["pending", "available", "failed", "absent"]
ProbeError = Literal["timeout", "refused"]


@dataclass(frozen=True)
class MachineSpec:
    """All that a machine and its metadata service need to know of an instance at launch."""

    instance_id: str
    image_id: str
    image_name: str
    instance_type: str
    region: str
    zone: str  # "eu-west-1a"
    zone_id: str  # "euw1-az1"
    account_id: str
    vpc_id: str
    subnet_id: str
    spot: bool
    private_ip: str  # as the API chose it; the machine's own address replaces it, if it has one
    public_ip: str | None
    key_name: str | None = None
    public_key: str | None = None  # one line in OpenSSH's format
    security_groups: tuple[str, ...] = ()  # names
    instance_profile_arn: str | None = None
    user_data: bytes = b""
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_in_metadata: bool = False  # InstanceMetadataTags
    image_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MachineState:
    """status: booting until the machine is up as far as EC2 would say `running`.

    stopped: it can be started again. gone: it was terminated, or it vanished on its own
    (killed, shut down from inside where nothing can be started again).
    address: the IP under which this host reaches it, None while it has none (simulated: never).
    reason: why it is gone or could not start, for the instance's state reason; else "".
    """

    status: MachineStatus
    address: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class ProbeResult:
    """One health check request: either a status code or an error.

    timeout: connected or not, no complete answer in time. refused: nothing listens there, or
    the connection broke.
    """

    code: int | None = None
    error: ProbeError | None = None


@dataclass(frozen=True)
class InitialImage:
    """An image that exists in the account from the start (Debian's, and kept ones).

    `image_id` is chosen by the machines and the same for the same content.
    `created`: ISO 8601 in UTC as AWS writes it, "2026-01-31T12:00:00.000Z".
    """

    image_id: str
    name: str
    owner_id: str
    created: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class Machines(Protocol):
    def initial_images(self, kept: Sequence[str]) -> list[InitialImage]:
        """Images to start with: always Debian's (owner 136693071363), and every kept image
        whose key is in `kept` (owner 123456789012). May take long (debootstrap) the first
        time; raises MachineError with the reason and the next step."""
        ...

    def launch(self, spec: MachineSpec) -> None:
        """Start a machine for a new instance. Returns at once."""
        ...

    def observe(self, instance_id: str) -> MachineState:
        """Its state now, from memory or cheaply: called several times a second. An unknown id
        is `gone`."""
        ...

    def stop(self, instance_id: str) -> None:
        """Shut it down cleanly, keeping its disk. Returns at once."""
        ...

    def start(self, instance_id: str) -> None:
        """Start a stopped one. Returns at once."""
        ...

    def reboot(self, instance_id: str) -> None:
        """Returns at once; the status stays `running` (as EC2's does)."""
        ...

    def terminate(self, instance_id: str) -> None:
        """Shut down (briefly) and remove with its disk. Returns at once; `stopping`, then
        `gone`. Safe to repeat."""
        ...

    def kill(self, instance_id: str) -> None:
        """Vanish without notice, as if the host had died. `gone` soon after."""
        ...

    def create_image(
        self, instance_id: str, image_id: str, name: str, tags: Mapping[str, str]
    ) -> None:
        """Make an image of the machine's disk, running or stopped. Returns at once."""
        ...

    def copy_image(self, source_id: str, image_id: str, name: str, tags: Mapping[str, str]) -> None:
        """Make an image with the contents of another. Returns at once."""
        ...

    def image_state(self, image_id: str) -> ImageStatus: ...

    def remove_image(self, image_id: str) -> None:
        """Remove the image's content once no machine uses it any more (AWS lets instances of
        a deregistered image live on). Returns at once; an unknown id is fine."""
        ...

    def keep_image(self, image_id: str, key: str, name: str, tags: Mapping[str, str]) -> None:
        """Keep this image beyond the sandbox's end, under `key` (replaces an older one with the
        same key). Raises MachineError if it can't."""
        ...

    def forget_images(self) -> list[str]:
        """Drop all kept images, of any sandbox; returns their keys."""
        ...

    def probe(self, instance_id: str, port: int, path: str, timeout_seconds: float) -> ProbeResult:
        """One HTTP GET as a load balancer's health check sends it (User-Agent
        ELB-HealthChecker/2.0, redirects not followed). Timeout in sandbox seconds. Blocks."""
        ...

    def endpoint(self, instance_id: str, port: int) -> tuple[str, int] | None:
        """Where, on this host, the load balancer reaches that port; None if nowhere now."""
        ...

    def console(self, instance_id: str) -> str:
        """The machine's console so far, also for a while after it is gone."""
        ...

    def notice(self, instance_id: str, action: str, time: str) -> None:
        """Spot interruption notice for the instance's metadata (`spot/instance-action`).
        action: terminate|stop|hibernate, time: "2026-01-31T12:00:00Z"."""
        ...

    def recommend_rebalance(self, instance_id: str, time: str) -> None:
        """A rebalance recommendation in its metadata (`events/recommendations/rebalance`)."""
        ...

    def api_socket(self) -> socket.socket | None:
        """Where the AWS API is to be served for the machines themselves: it listens already. None
        where no machine can ask."""
        ...

    def leftovers(self) -> dict[str, list[str]]:
        """What exists outside this process for this sandbox, by kind ("containers", ...), for
        the inventory; empty lists for kinds with none."""
        ...

    def close(self) -> None:
        """Leave nothing of this sandbox: no container, image, network, address, process (kept
        images stay). Also cleans what an earlier, killed process of the same name left.
        Blocks, with a deadline of its own; safe to repeat."""
        ...


class MachineError(Exception):
    """What was tried, what was seen, and what to do next."""
