"""What the account needs from machines, whatever they are made of.

Two kinds implement `Machines`: `DockerMachines` (containers that boot systemd, the room
`docker`) and `SimulatedMachines` (scripts and a clock, the room `simulated`).

The account owns ids, names, tags and AWS's states. Machines own what is running, and the content
of images. The account polls `observe` and `image_state`; machines never call it. All methods may
be called from several threads. Those that say "returns at once" work in a thread of their own.
They do not raise for what goes wrong later: the state shows it.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

MachineStatus = Literal["booting", "running", "stopping", "stopped", "gone"]
ImageStatus = Literal["pending", "available", "failed", "absent"]
ProbeError = Literal["timeout", "refused"]


@dataclass(frozen=True)
class RoleKey:
    """The credentials of an instance's role, as its metadata hands them out."""

    role: str
    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True)
class MetadataOptions:
    """What an instance's metadata service answers. endpoint: anything at all. tokens_required: only
    requests with a token (version 2). tags: the instance's tags as well."""

    endpoint: bool = True
    tokens_required: bool = True
    tags: bool = False


@dataclass(frozen=True)
class MachineSpec:
    """All that a machine and its metadata service have to know of an instance at its launch."""

    instance_id: str
    image_id: str
    image_name: str
    instance_type: str
    memory_mib: int  # what the instance type has
    region: str
    zone: str  # "eu-west-1a"
    zone_id: str  # "euw1-az1"
    account_id: str
    vpc_id: str
    subnet_id: str
    spot: bool
    private_ip: str  # chosen by the API; a machine with an address of its own replaces it
    public_ip: str | None
    key_name: str | None = None
    public_key: str | None = None  # one line in OpenSSH's format
    security_groups: tuple[str, ...] = ()  # names
    instance_profile_arn: str | None = None
    role_key: RoleKey | None = None  # None: no instance profile, or one without a role
    user_data: bytes = b""
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: MetadataOptions = MetadataOptions()
    image_tags: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "x86_64"  # its image's


@dataclass(frozen=True)
class MachineState:
    """status: `booting` until EC2 would say `running`. `stopped`: it can be started again.
    `gone`: it was terminated, was killed, or shut itself down for good.

    address: the IP address at which this host reaches it. None if it has none (simulated
    machines never have one).

    reason: why it is gone or could not start, for the instance's state reason. Otherwise "".
    """

    status: MachineStatus
    address: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class ProbeResult:
    """The result of one health check: a status code or an error.

    timeout: no complete answer came in time. refused: nothing listens there, or the connection
    broke.
    """

    code: int | None = None
    error: ProbeError | None = None


@dataclass(frozen=True)
class InitialImage:
    """An image that is in the account from the start: Debian's, Ubuntu's, and kept ones.

    `image_id` is chosen by the machines. The same content has the same id. `created` is ISO 8601
    in UTC as AWS writes it, "2026-01-31T12:00:00.000Z". `refused` is why no machine can be
    launched from it; empty if one can. `architecture` is what it is told to be of.
    """

    image_id: str
    name: str
    owner_id: str
    created: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    architecture: str = "x86_64"


class Machines(Protocol):
    def initial_images(self, kept: Sequence[str]) -> list[InitialImage]:
        """The images to start with: those of Debian and Ubuntu, the default line's first and those
        of arm64 after all of x86-64, and the kept images whose key is in `kept`. The first time
        this may take minutes (debootstrap).
        Raises MachineError with the reason and the next step."""
        ...

    def restore_images(self, images: Mapping[str, tuple[str, Mapping[str, str]]]) -> set[str]:
        """Take over images that an earlier sandbox of the same name has left: names and tags by id.
        Returns the ids of those whose content is there; what else was left is removed."""
        ...

    def launch(self, spec: MachineSpec) -> None:
        """Start a machine for a new instance. Returns at once."""
        ...

    def observe(self, instance_id: str) -> MachineState:
        """Its state now. This is called several times a second, so it must be cheap. An unknown
        id is `gone`."""
        ...

    def stop(self, instance_id: str) -> None:
        """Shut it down cleanly and keep its disk. Returns at once."""
        ...

    def start(self, instance_id: str) -> None:
        """Start a stopped machine. Returns at once."""
        ...

    def reboot(self, instance_id: str) -> None:
        """Returns at once. The status stays `running`, as EC2's does."""
        ...

    def terminate(self, instance_id: str) -> None:
        """Shut it down within seconds, and remove it with its disk. Returns at once. The status
        is `stopping`, then `gone`. Safe to repeat."""
        ...

    def kill(self, instance_id: str) -> None:
        """Let it vanish without notice, as if its host had died. It is `gone` soon after."""
        ...

    def create_image(
        self, instance_id: str, image_id: str, name: str, tags: Mapping[str, str]
    ) -> None:
        """Make an image of the machine's disk. The machine may run or be stopped. Returns at
        once."""
        ...

    def copy_image(self, source_id: str, image_id: str, name: str, tags: Mapping[str, str]) -> None:
        """Make an image with the content of another. Returns at once."""
        ...

    def image_state(self, image_id: str) -> ImageStatus: ...

    def remove_image(self, image_id: str) -> None:
        """Remove the image's content once no machine uses it any more: at AWS the instances of a
        deregistered image live on. Returns at once. The id may be unknown."""
        ...

    def keep_image(
        self,
        image_id: str,
        key: str,
        name: str,
        tags: Mapping[str, str],
        architecture: str = "x86_64",
    ) -> None:
        """Keep this image under `key` beyond the sandbox's end. It replaces an older one of that
        key. Raises MachineError if it cannot be kept."""
        ...

    def forget_images(self) -> list[str]:
        """Drop the kept images of all sandboxes. Returns their keys."""
        ...

    def probe(self, instance_id: str, port: int, path: str, timeout_seconds: float) -> ProbeResult:
        """Send one health check as a load balancer does: HTTP GET, User-Agent ELB-
        HealthChecker/2.0, redirects are not followed. The timeout is in sandbox seconds. Blocks."""
        ...

    def endpoint(self, instance_id: str, port: int) -> tuple[str, int] | None:
        """Where the load balancer on this host reaches that port. None if it cannot be reached
        now."""
        ...

    def console(self, instance_id: str) -> str:
        """The console's text so far. It stays for a while after the machine is gone."""
        ...

    def notice(self, instance_id: str, action: str, time: str) -> None:
        """Put a spot interruption notice into the instance's metadata (`spot/instance-action`).
        action: terminate, stop or hibernate. time: "2026-01-31T12:00:00Z"."""
        ...

    def recommend_rebalance(self, instance_id: str, time: str) -> None:
        """Put a rebalance recommendation into its metadata (`events/recommendations/rebalance`)."""
        ...

    def change_metadata(
        self, instance_id: str, options: MetadataOptions, tags: Mapping[str, str]
    ) -> None:
        """What its metadata shows from now on. Returns at once. The id may be unknown."""
        ...

    def api_socket(self) -> socket.socket | None:
        """The socket on which the AWS API is to be served to machines. It listens already. None
        if machines cannot call the API."""
        ...

    def leftovers(self) -> dict[str, list[str]]:
        """What exists outside this process for this sandbox, by kind ("containers", ...), for
        the inventory. A kind without any is an empty list."""
        ...

    def close(self, *, spare_images: bool = False) -> None:
        """Remove every container, image, network, address and process of this sandbox, but not
        kept images, and also what an earlier, killed process of the same name left. With
        `spare_images` its images stay, for `restore_images`. Blocks, with a deadline of its own.
        Safe to repeat."""
        ...


class MachineError(Exception):
    """Says what was tried, what was seen, and what to do next."""
