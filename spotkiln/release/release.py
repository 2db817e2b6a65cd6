"""Release: what was asked for, what was made of it, and the ledger of everything created."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from spotkiln.bake.app import AppSpec
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.changes import Changes, Dependency
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.image import Image
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.junit import TestReport
from spotkiln.bake.precedence import Setting
from spotkiln.bake.source import Source
from spotkiln.errors import SpotkilnError
from spotkiln.keep.upkeep import Images
from spotkiln.keep.versions import Version
from spotkiln.noun import Noun, ShownNoun
from spotkiln.release.freeze import BreakGlass, Windows
from spotkiln.release.hook import Hooks, Moment
from spotkiln.release.on_commit import OnCommit
from spotkiln.release.trigger import Trigger
from spotkiln.release.vulnerabilities import Known, Vulnerabilities
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.price import Cost
from spotkiln.serve.spec import FleetSpec
from spotkiln.serve.traffic import Traffic
from spotkiln.target import Server


class Approval(ShownNoun):
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


# At least one: without any there would be nothing to go back to, and nothing to reuse.
Versions = Annotated[int, Field(ge=1, le=100)]


# A person's own words: for the page, and for whoever is asked.
Why = Annotated[str, Field(max_length=500)]


class ReleaseSpec(Noun):
    """All that a person asks for. `why` is theirs to say; it changes nothing."""

    app: AppSpec
    infra: InfraNames = InfraNames()
    build: BuildSettings = BuildSettings()
    fleet: FleetSpec = FleetSpec()
    gate: GatePolicy = GatePolicy()
    traffic: Traffic = Traffic()
    approval: Approval = Approval()
    configuration: Configuration = Configuration()
    test_configuration: Configuration = Configuration()
    force: bool = False
    even_if_held: bool = False
    keep_rejected: bool = False
    keep_versions: Versions = 5
    images: Images = Images()
    freeze: Windows = ()
    break_glass: BreakGlass = ""
    on_commit: OnCommit = OnCommit()
    hooks: Hooks = Hooks()
    vulnerabilities: Vulnerabilities = Vulnerabilities()
    why: Why = ""

    @property
    def has_later_commands(self) -> bool:
        """Whether a machine carries out a command once the new servers are there."""
        commands = (
            self.hooks.at(one).command for one in (Moment.AFTER_STEP, Moment.AFTER_PROMOTION)
        )
        return any((self.traffic.smoke, self.traffic.check, *commands))

    def gate_for(self, source: Source | None, image: Image | None = None) -> GatePolicy:
        """With what the released commit's own limits say where it leaves something open. A rollback
        has no commit checked out: there the image tells, else the deployment."""
        if source:
            start: int | None = source.app.serving_seconds
        else:
            start = (image.serving_seconds if image else None) or self.app.start_seconds
        return self.gate if start is None else self.gate.for_start(start)


class Outcome(StrEnum):
    RELEASED = "released"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    HELD = "held"
    FROZEN = "frozen"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class Fate(StrEnum):
    KEPT = "kept"
    DESTROYED = "destroyed"
    LEFT_BEHIND = "left behind"


class LedgerEntry(Noun):
    """One thing in the ledger. `kind` is EC2's name for it, `why` says why it was kept."""

    kind: str
    id: str
    fate: Fate
    why: str = ""


# What is undone is timed under a name that begins so.
UNDO = "undo: "


class Timing(Noun):
    """How long one part of a release took, in seconds. `cancelled`: it was ended by what ended the
    run, and not by a fault of its own. `after`: how many seconds after the run's beginning it
    began; None if that is not known, and then it began when the one before it had ended."""

    name: str
    seconds: float
    after: float | None = None
    failed: bool = False
    cancelled: bool = False

    @property
    def how(self) -> str:
        """How it ended, if not well."""
        return "failed" if self.failed else "cancelled" if self.cancelled else ""

    def __str__(self) -> str:
        return f"{self.name}: {f'{self.how} after ' if self.how else ''}{self.seconds:.0f} s"


class Release(Noun):
    """How a release ended. `started` and `ended` are UTC.

    `settings` are the commit's, each with where it comes from; `needs` is what they want of the
    base image. `layer` says what its bake started from; empty if it baked no image.
    `back_to` is set if it was a rollback: when that version had been released, in UTC.
    `restarted`: that version was the one that served already.
    `last_lines` are what the application said itself where it failed.
    `database` says whether it was migrated, and by what.
    `versions` are what the target group can go back to at the end.
    `deployment` is the name of the run's deployment, and `address` where it answers: the load
    balancer's host name, or as the deployment says it.
    `served` is the commit that served before, `changes` what has changed since, and `packages` are
    Debian's that differ; `known` are vulnerabilities of the image, `vulnerabilities` tells of them
    in words; `committed` is when this commit was made, in UTC.
    `url` is the page of the run, `evidence` that of what a failed fleet showed, and `commit_url`
    that of the commit; they are empty if unknown.
    `size` says how many servers were requested and why, `launched` whether before the image's tests
    had ended or after that, `requests` how they were handed over, where there are two target
    groups, `handed_over` how that went, `batches` in which they came, where there is one, `foreign`
    what served and was not ours.
    `servers` are those of the fleet when it passed the gate, and `cost` is what they cost.
    `broke_glass` says who released it in a freeze, and why.
    `why` are the words of whoever asked for it.
    `approval` is the answer of the person who was asked. `ledger_unread` says why there is no
    ledger.
    """

    id: str
    app: str
    deployment: str = ""
    ref: str
    commit: str = ""
    subject: str = ""
    served: str = ""
    changes: Changes | None = None
    packages: tuple[Dependency, ...] = ()
    vulnerabilities: tuple[str, ...] = ()
    known: Known | None = None
    committed: datetime | None = None
    commit_url: str = ""
    broke_glass: str = ""
    why: str = ""
    approval: str = ""
    trigger: Trigger = Trigger()
    run: str = ""
    url: str = ""
    evidence: str = ""
    outcome: Outcome
    cause: str = ""
    last_lines: str = ""
    started: datetime
    ended: datetime
    target_group: str = ""
    region: str = ""
    address: str = ""
    image: Image | None = None
    reused: str = ""
    layer: str = ""
    settings: tuple[Setting, ...] = ()
    needs: tuple[str, ...] = ()
    back_to: str = ""
    restarted: bool = False
    tests: TestReport | None = None
    database: str = ""
    fleet: Fleet | None = None
    size: str = ""
    launched: str = ""
    requests: str = ""
    handed_over: str = ""
    batches: str = ""
    foreign: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    cost: Cost | None = None
    versions: tuple[Version, ...] = ()
    retired: tuple[Fleet, ...] = ()
    undone: tuple[str, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    ledger_unread: str = ""
    timings: tuple[Timing, ...] = ()

    @property
    def site(self) -> str:
        """Its address with a scheme; empty if it is unknown."""
        return (
            self.address if "://" in self.address or not self.address else f"http://{self.address}"
        )

    @property
    def what(self) -> str:
        """What was done, in words: a release, or a rollback and to what."""
        if not self.back_to:
            return "release"
        return f"{'restart of' if self.restarted else 'rollback to'} {self.commit[:12]}"

    @property
    def seconds(self) -> float:
        return (self.ended - self.started).total_seconds()


class EndsEarly(SpotkilnError):
    """The release ends here, before it has changed anything. That is no failure: `outcome` is how
    it ends, and `why` is told to people."""

    def __init__(self, outcome: Outcome, why: str = "") -> None:
        self.outcome = outcome
        self.why = why
        super().__init__(f"{outcome}: {why}" if why else str(outcome))
