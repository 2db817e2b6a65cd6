"""The machine that bakes, and the one that tests."""

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import ip_network
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from spotkiln.bake.disk import ImageDisk
from spotkiln.bake.secrets import PLACE, why_no_secrets
from spotkiln.errors import InputError
from spotkiln.noun import Noun, ShownNoun

# From the launch of a machine until its command begins, and from that one's end until it has gone.
BOOT_SECONDS = 1200
# From then on Packer takes a plugin for EC2 that can ask for no address. The built-in one cannot.
CAN_ASK_FOR_NONE = (1, 8, 0)
# As the templates take it: an old Packer has no variable that may be either, or nothing.
PUBLIC_ADDRESS = {None: "", True: "true", False: "false"}


class SshInterface(StrEnum):
    PUBLIC_IP = "public_ip"
    PRIVATE_IP = "private_ip"
    PUBLIC_DNS = "public_dns"
    PRIVATE_DNS = "private_dns"
    SESSION_MANAGER = "session_manager"

    @property
    def is_public(self) -> bool:
        return self in {SshInterface.PUBLIC_IP, SshInterface.PUBLIC_DNS}


class Builder(ShownNoun):
    """The machine that bakes."""

    instance_type: str = Field(
        default="t3.small",
        title="Builder's instance type",
        description="Must run the base image's architecture. A quicker one bakes sooner.",
        min_length=1,
    )
    other_instance_types: list[str] = Field(
        default=[],
        title="Builder's other types",
        description="Tried in this order where EC2 has no room for the first one in any of the "
        "builder's subnets. With a base image of the other architecture: one that runs it, too.",
    )
    spot: bool = Field(
        default=False,
        title="Spot",
        description="Bake and test on Spot machines of these types. Where EC2 has no room, or "
        "takes one back, it goes on with On-Demand ones. What migrates or carries out a command "
        "is always On-Demand.",
    )
    ssh_username: str = Field(
        default="",
        title="SSH user",
        description="Whom the image lets in. Empty: as the image's tag says, else admin, as "
        "Debian's do; a base image from Ubuntu's has the tag.",
        pattern=r"^([a-z_][a-z0-9_-]{0,30})?$",
    )
    ssh_interface: SshInterface = Field(
        default=SshInterface.PUBLIC_IP,
        title="SSH address",
        description="By which of its addresses the builder is reached from here.",
    )
    ssh_source_cidrs: list[str] = Field(
        default=[],
        title="SSH source ranges",
        description="Who may reach the builder's SSH port. Empty: the worker's own public address "
        "alone; where SSH goes to a private address, the VPC's own ranges; with Session Manager "
        "nobody.",
    )
    instance_profile: str = Field(
        default="",
        title="Builder's instance profile",
        description="What the builder may do. Empty: nothing. Session Manager needs one, with the "
        "rights of AmazonSSMManagedInstanceCore.",
    )
    subnet: str = Field(
        default="",
        title="Builder's subnet",
        description="By id, Name tag, or another tag (tier=public), which may stand for several: "
        "the next one is tried where EC2 has no room. Empty: the load balancer's, or the servers' "
        "if SSH goes to a private address; for a base image those of the default VPC.",
    )
    public_address: bool | None = Field(
        default=None,
        title="Public address",
        description="On: asked for, whatever the subnet says. Off: the builder has none; that "
        "takes Packer 1.8 or newer. Empty: as the subnet says.",
    )
    disk: ImageDisk = Field(
        default=ImageDisk(),
        title="Builder's root disk",
        description="Where packages, assets or the build's own files need more room than the image "
        "has that it starts from.",
    )
    timeout_seconds: int = Field(
        default=3600, ge=60, le=4 * 3600, title="Bake deadline (s)", description="For each bake."
    )

    @property
    def every_type(self) -> tuple[str, ...]:
        """Each once, the first one first."""
        return tuple(dict.fromkeys([self.instance_type, *self.other_instance_types]))

    def of_types(self, types: Sequence[str]) -> Self:
        """The same with these of its types alone."""
        first, *others = types
        return self.model_copy(update={"instance_type": first, "other_instance_types": others})

    @field_validator("ssh_source_cidrs")
    @classmethod
    def _ranges(cls, ranges: list[str]) -> list[str]:
        for one in ranges:
            ip_network(one, strict=False)
        return ranges

    @model_validator(mode="after")
    def _is_reached_where_it_is(self) -> Self:
        if self.public_address is False and self.ssh_interface.is_public:
            raise ValueError(
                "expected an ssh_interface that needs no public address beside public_address "
                f"off, got {self.ssh_interface}: say private_ip, private_dns or session_manager, "
                "or leave public_address out"
            )
        return self

    @model_validator(mode="after")
    def _session_manager_needs_a_profile(self) -> Self:
        if self.ssh_interface is SshInterface.SESSION_MANAGER and not self.instance_profile:
            raise ValueError(
                "expected an instance_profile beside ssh_interface session_manager, got none: name "
                "one with the rights of AmazonSSMManagedInstanceCore"
            )
        return self


def require_public_address(builder: Builder, packer: tuple[int, int, int]) -> None:
    """
    Raises:
        InputError: this version of Packer cannot ask for none.
    """
    if builder.public_address is False and packer < CAN_ASK_FOR_NONE:
        raise InputError(
            "public_address is off, and Packer before 1.8 cannot ask for a builder without a "
            f"public address, found {'.'.join(map(str, packer))}: leave it out and name a subnet "
            "that gives none, or install a newer Packer"
        )


class BuildSettings(Builder):
    """The machine that bakes and tests."""

    layers: bool = Field(
        default=True,
        title="Layers",
        description="Bake an application's dependencies as an image of their own, which its later "
        "bakes start from. The first bake of new dependencies takes a second builder and image.",
    )
    secrets: dict[str, str] = Field(
        default={},
        title="Build's secrets",
        description="For a private package index: a variable's name, and where its value is: "
        "ssm:/path, secret:name#key, or env:NAME of the worker. The build has the values, and "
        "nothing else gets them.",
        json_schema_extra={"additionalProperties": {"type": "string", "pattern": f"^{PLACE}$"}},
    )

    @field_validator("secrets")
    @classmethod
    def _places(cls, places: dict[str, str]) -> dict[str, str]:
        if why := why_no_secrets(places):
            raise ValueError(why)
        return places

    @model_validator(mode="before")
    @classmethod
    def _says_what_took_its_place(cls, given: Any) -> Any:
        if isinstance(given, dict) and "health_seconds" in given:
            raise ValueError(
                "health_seconds is gone: leave it out; how long the application may take to start, "
                "in the test too, is its start_seconds, in spotkiln.yaml or as app.start_seconds"
            )
        return given

    def test_deadline(self, seconds: int) -> int:
        """When Packer is ended that tests an image; `seconds` is what the application's own limits
        allow. Those tell what took too long, so they come first."""
        return max(self.timeout_seconds, seconds + BOOT_SECONDS)


class Access(Noun):
    """What lets us into a machine that Packer launches: the id of a security group, and the name of
    a key pair that Packer makes."""

    security_group: str
    key_pair: str


class Place(Noun):
    """Where a machine is asked for: On-Demand by its only type, as Spot by any of several."""

    types: tuple[str, ...]
    subnet: str
    spot: bool = False

    @property
    def variables(self) -> dict[str, Any]:
        """Those that differ from a machine's own."""
        spot = {"spot_types": list(self.types)} if self.spot else {}
        return {"subnet_id": self.subnet, "instance_type": self.types[0], **spot}

    def __str__(self) -> str:
        kinds = " or ".join(self.types)
        return f"a {'Spot ' if self.spot else ''}{kinds} in {self.subnet}"


class Machine(Noun):
    """A machine that Packer launches: where, and how it is reached. The first of the `subnets` that
    has room is taken. `endpoint` is empty for AWS itself; `profile` is the instance profile if it
    is not the builder's. `login` is whom its image lets in."""

    builder: Builder
    region: str
    vpc: str
    subnets: tuple[str, ...]
    endpoint: str
    access: Access
    login: str
    profile: str = ""

    @property
    def on_demand(self) -> list[Place]:
        """In the order in which they are tried: a type in each subnet before the next type."""
        return [
            Place(types=(kind,), subnet=subnet)
            for kind in self.builder.every_type
            for subnet in self.subnets
        ]

    @property
    def places(self) -> list[Place]:
        """The same, and Spot before them if that is asked for."""
        kinds = self.builder.every_type
        spot = [Place(types=kinds, subnet=subnet, spot=True) for subnet in self.subnets]
        return [*(spot if self.builder.spot else []), *self.on_demand]

    @property
    def variables(self) -> dict[str, Any]:
        """Those that all templates have."""
        return {
            "region": self.region,
            "endpoint": self.endpoint,
            "vpc_id": self.vpc,
            "spot_types": [],
            **self.on_demand[0].variables,
            "ssh_interface": str(self.builder.ssh_interface),
            "public_address": PUBLIC_ADDRESS[self.builder.public_address],
            "iam_instance_profile": self.profile or self.builder.instance_profile,
            "ssh_username": self.builder.ssh_username or self.login,
            "ssh_source_cidrs": self.builder.ssh_source_cidrs,
            "security_group_id": self.access.security_group,
            "key_pair_name": self.access.key_pair,
        }
