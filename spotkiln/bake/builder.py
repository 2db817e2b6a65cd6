"""The machine that bakes, and the one that tests."""

from enum import StrEnum

from pydantic import Field

from spotkiln.noun import Noun


class SshInterface(StrEnum):
    PUBLIC_IP = "public_ip"
    PRIVATE_IP = "private_ip"
    PUBLIC_DNS = "public_dns"
    PRIVATE_DNS = "private_dns"
    SESSION_MANAGER = "session_manager"


class Builder(Noun):
    """The machine that bakes."""

    instance_type: str = Field(
        default="t3.small",
        title="Builder's instance type",
        description="Must run the base image's architecture. A quicker one bakes sooner.",
        min_length=1,
    )
    ssh_username: str = Field(
        default="admin",
        title="SSH user",
        description="The base image's login user: Debian's is admin, Ubuntu's is ubuntu.",
        pattern=r"^[a-z_][a-z0-9_-]{0,30}$",
    )
    ssh_interface: SshInterface = Field(
        default=SshInterface.PUBLIC_IP,
        title="SSH address",
        description="By which of its addresses the builder is reached from here.",
    )
    ssh_source_cidrs: list[str] = Field(
        default=["0.0.0.0/0"],
        title="SSH source ranges",
        description="Who may reach the builder's SSH port. Narrow it to this machine's address.",
        min_length=1,
    )
    subnet: str = Field(
        default="",
        title="Builder's subnet",
        description="A subnet's id. Empty: the load balancer's first; for a base image the first "
        "of the default VPC.",
        pattern=r"^(subnet-[0-9a-f]+)?$",
    )
    timeout_seconds: int = Field(
        default=3600, ge=60, le=4 * 3600, title="Bake deadline (s)", description="For each bake."
    )


class BuildSettings(Builder):
    """The machine that bakes and tests."""
