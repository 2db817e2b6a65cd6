"""Happenings: what can happen in a release. Each kind is one line of the release's book."""

from spotkiln.bake.changes import Changes, Dependency
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.junit import TestReport
from spotkiln.bake.layer import Layer
from spotkiln.bake.source import Source
from spotkiln.keep.versions import Version, WayBack
from spotkiln.noun import Noun
from spotkiln.release.approval import Answer, Question
from spotkiln.release.migration import Migration
from spotkiln.release.plan import Plan
from spotkiln.release.release import LedgerEntry, Outcome, Timing
from spotkiln.release.vulnerabilities import Known
from spotkiln.serve.capacity import Size
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.foreign import Foreign
from spotkiln.serve.price import Cost
from spotkiln.serve.stepping import StepTaken
from spotkiln.target import Server


class InfraFound(Noun):
    """The names of the infrastructure were looked up."""

    infra: Infra


class Resumed(Noun):
    """The run goes on after its approval; it began in another process."""

    question: Question


class CommitTaken(Noun):
    """This commit is released."""

    source: Source


class VersionTaken(Noun):
    """This version is gone back to."""

    way: WayBack

    @property
    def image(self) -> Image:
        return self.way.image


class ServingSeen(Noun):
    """What serves; None: nothing of ours."""

    fleet: Fleet | None


class ChangesSeen(Noun):
    """What has changed since the commit that served."""

    changes: Changes


class PackagesSeen(Noun):
    """Debian's packages that differ between the image that served and the one that is released."""

    changed: tuple[Dependency, ...]


class VulnerabilitiesSeen(Noun):
    """What is known of what is in the image."""

    known: Known


class ForeignSeen(Noun):
    """What serves the target group beside us."""

    foreign: Foreign


class PlanShown(Noun):
    """A person was asked to approve this plan."""

    plan: Plan


class Answered(Noun):
    """What the person said; None: nobody answered in time."""

    answer: Answer | None


class GlassBroken(Noun):
    """A person releases in a freeze. `frozen` says until when it is frozen, `who` is the person and
    why."""

    frozen: str
    who: str


class ImageReused(Noun):
    """This image is released once more. `why` is told on the page."""

    image: Image
    why: str


class LayerBaked(Noun):
    """The image's dependencies got an image of their own, which stays however the release ends."""

    layer: Layer
    image: Image


class LayerChosen(Noun):
    """What the image's bake starts from is decided. `why` is told on the page."""

    why: str


class ImageBaked(Noun):
    image: Image


class ImageBlamed(Noun):
    """A verdict has marked this image."""

    image: Image


class TestsRan(Noun):
    __test__ = False  # pytest would collect a class of this name

    report: TestReport


class MigrationChosen(Noun):
    """Whether the release migrates, and why."""

    migration: Migration


class Migrated(Noun):
    """The migration that was chosen has ended well."""


class NothingMigrated(Noun):
    """The migration that was chosen failed before its command began."""


class LaunchChosen(Noun):
    """When servers are asked for, in words, where there are two target groups."""

    words: str


class SizeChosen(Noun):
    size: Size


class FleetRequested(Noun):
    fleet: Fleet


class GatePassed(Noun):
    """This fleet passed the gate, with these servers. It may be another one than was requested
    first: Spot may have had no capacity."""

    fleet: Fleet
    servers: tuple[Server, ...]


class HandedOver(Noun):
    """All requests go to the new servers; these were the steps."""

    steps: tuple[StepTaken, ...]


class FleetPromoted(Noun):
    """This fleet serves from now on."""

    fleet: Fleet


class CostReckoned(Noun):
    cost: Cost


class FleetsRetired(Noun):
    fleets: tuple[Fleet, ...]


class Undone(Noun):
    """A compensation ran."""

    what: str


class Ended(Noun):
    """How the release ended. `last_lines` are what the application said itself where it failed."""

    outcome: Outcome
    cause: str = ""
    last_lines: str = ""


class LedgerRead(Noun):
    entries: tuple[LedgerEntry, ...]


class LedgerUnread(Noun):
    why: str


class VersionsSeen(Noun):
    """What the target group can go back to after the end."""

    versions: tuple[Version, ...]


Happening = (
    InfraFound
    | Resumed
    | CommitTaken
    | VersionTaken
    | ServingSeen
    | ChangesSeen
    | PackagesSeen
    | VulnerabilitiesSeen
    | ForeignSeen
    | PlanShown
    | Answered
    | GlassBroken
    | ImageReused
    | LayerBaked
    | LayerChosen
    | ImageBaked
    | ImageBlamed
    | TestsRan
    | MigrationChosen
    | Migrated
    | NothingMigrated
    | LaunchChosen
    | SizeChosen
    | FleetRequested
    | GatePassed
    | HandedOver
    | FleetPromoted
    | CostReckoned
    | FleetsRetired
    | Undone
    | Timing
    | Ended
    | LedgerRead
    | LedgerUnread
    | VersionsSeen
)
