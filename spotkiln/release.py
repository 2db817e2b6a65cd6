"""Release: what was asked for, what was made of it, and the ledger of everything created."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from spotkiln.app import App
from spotkiln.fleet import Fleet, FleetSpec
from spotkiln.gate import GatePolicy
from spotkiln.image import Image
from spotkiln.infra import InfraNames
from spotkiln.junit import TestReport
from spotkiln.noun import Noun
from spotkiln.price import Cost
from spotkiln.target import Server
from spotkiln.trigger import Trigger
from spotkiln.versions import Version


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

    health_seconds: int = Field(
        default=120,
        ge=5,
        le=3600,
        title="Boot deadline in the test (s)",
        description="How long the booted image may take to answer on its health path.",
    )


class Approval(Noun):
    """Whether a person is asked, and for how long."""

    required: bool = Field(
        default=False,
        title="Ask for approval",
        description="Pause before anything is spent, and show what would change.",
    )
    seconds: int = Field(
        default=3600,
        ge=10,
        le=7 * 86400,
        title="Deadline (s)",
        description="Without an answer in time the release is declined.",
    )


# With none there would be nothing to go back to, and nothing to reuse.
Versions = Annotated[int, Field(ge=1, le=100)]


class ReleaseSpec(Noun):
    """All that a person asks for."""

    app: App
    infra: InfraNames = InfraNames()
    build: BuildSettings = BuildSettings()
    fleet: FleetSpec = FleetSpec()
    gate: GatePolicy = GatePolicy()
    approval: Approval = Approval()
    force: bool = False
    even_if_held: bool = False
    keep_rejected: bool = False
    keep_versions: Versions = 5


class Outcome(StrEnum):
    RELEASED = "released"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    HELD = "held"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    DECLINED = "declined"


class Fate(StrEnum):
    KEPT = "kept"
    DESTROYED = "destroyed"
    LEFT_BEHIND = "left behind"


class Entry(Noun):
    """One resource of the ledger: `kind` is EC2's name for it, `why` says why it was kept."""

    kind: str
    id: str
    fate: Fate
    why: str = ""


class Phase(Noun):
    """One step's time, in seconds."""

    name: str
    seconds: float
    failed: bool = False


class Release(Noun):
    """How a release ended. `started` and `ended` are UTC.

    `back_to` is set when it was a rollback: when that version was released before, in UTC.
    `last_lines` are the console's of the server that failed the gate, if one did.
    `versions` are what the target group can go back to at the end.
    `url` is the run's page and `commit_url` the commit's, where they are known; `size` is how
    many servers were asked for and why, `foreign` what served and was not ours; `servers` are the
    fleet's when it passed the gate, `cost` is theirs. `approval` is what a person who was asked
    has answered. `ledger_unread` says why there is no ledger, or a part of one.
    """

    id: str
    app: str
    ref: str
    commit: str = ""
    subject: str = ""
    commit_url: str = ""
    approval: str = ""
    trigger: Trigger = Trigger()
    run: str = ""
    url: str = ""
    outcome: Outcome
    cause: str = ""
    last_lines: str = ""
    started: datetime
    ended: datetime
    target_group: str = ""
    region: str = ""
    image: Image | None = None
    reused: str = ""
    back_to: str = ""
    tests: TestReport | None = None
    fleet: Fleet | None = None
    size: str = ""
    foreign: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    cost: Cost | None = None
    versions: tuple[Version, ...] = ()
    retired: tuple[Fleet, ...] = ()
    undone: tuple[str, ...] = ()
    ledger: tuple[Entry, ...] = ()
    ledger_unread: str = ""
    phases: tuple[Phase, ...] = ()

    @property
    def seconds(self) -> float:
        return (self.ended - self.started).total_seconds()
