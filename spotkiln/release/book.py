"""Book: what happened in one release, in order. All that is told of it is derived from here."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from spotkiln.bake.changes import Changes
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
from spotkiln.release.release import LedgerEntry, Outcome, ReleaseSpec, Timing
from spotkiln.release.trigger import Trigger
from spotkiln.serve.capacity import Size
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.foreign import Foreign
from spotkiln.serve.price import Cost
from spotkiln.target import Server


class Heading(Noun):
    """What is known before the first step. `run` is the flow run's id, `url` its page in Prefect's
    UI, and `deployment` the name of its deployment; they are empty if there is none. `started` is
    UTC."""

    id: str
    run: str
    deployment: str = ""
    url: str = ""
    trigger: Trigger = Trigger()
    spec: ReleaseSpec
    started: datetime


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


class SizeChosen(Noun):
    size: Size


class FleetRequested(Noun):
    fleet: Fleet


class GatePassed(Noun):
    """This fleet passed the gate, with these servers. It may be another one than was requested
    first: Spot may have had no capacity."""

    fleet: Fleet
    servers: tuple[Server, ...]


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
    | ForeignSeen
    | PlanShown
    | Answered
    | GlassBroken
    | ImageReused
    | LayerBaked
    | ImageBaked
    | ImageBlamed
    | TestsRan
    | MigrationChosen
    | Migrated
    | NothingMigrated
    | SizeChosen
    | FleetRequested
    | GatePassed
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
H = TypeVar("H", bound=Noun)


@dataclass(frozen=True)
class Book:
    """`happenings` are in the order in which they came; nothing is changed or taken out."""

    heading: Heading
    happenings: tuple[Happening, ...] = ()

    def plus(self, happening: Happening) -> "Book":
        return replace(self, happenings=(*self.happenings, happening))

    def every(self, kind: type[H]) -> list[H]:
        """All happenings of a kind, the oldest first."""
        return [one for one in self.happenings if isinstance(one, kind)]

    def last(self, kind: type[H]) -> H | None:
        """The latest of a kind."""
        return next(reversed(self.every(kind)), None)

    @property
    def started(self) -> datetime:
        """Of a run that was resumed: when its first process began."""
        resumed = self.last(Resumed)
        return resumed.question.started if resumed else self.heading.started

    @property
    def infra(self) -> Infra | None:
        found = self.last(InfraFound)
        return found.infra if found else None

    @property
    def source(self) -> Source | None:
        taken = self.last(CommitTaken)
        return taken.source if taken else None

    @property
    def way_back(self) -> WayBack | None:
        """Set if the release is a rollback."""
        taken = self.last(VersionTaken)
        return taken.way if taken else None

    @property
    def commit(self) -> str:
        """Empty until it is known what is released."""
        if self.way_back:
            return self.way_back.image.commit
        return self.source.commit if self.source else ""

    @property
    def approved(self) -> Plan | None:
        """The plan that somebody was asked to approve."""
        shown = self.last(PlanShown)
        return shown.plan if shown else None

    @property
    def serving(self) -> Fleet | None:
        """What served when it was looked at last."""
        seen = self.last(ServingSeen)
        return seen.fleet if seen else None

    @property
    def served(self) -> str:
        """The commit that served before the release; empty if nothing of ours did."""
        return self.serving.commit if self.serving else ""

    @property
    def image(self) -> Image | None:
        """The image that is released, as it was known last."""
        kinds = (VersionTaken, ImageReused, ImageBaked, ImageBlamed)
        return next((x.image for x in reversed(self.happenings) if isinstance(x, kinds)), None)

    @property
    def outcome(self) -> Outcome | None:
        """None while the release has not ended."""
        ended = self.last(Ended)
        return ended.outcome if ended else None

    @property
    def fleet(self) -> Fleet | None:
        """The new fleet, as it was known last. If nothing had to be done: the one that serves."""
        kinds = (FleetRequested, GatePassed, FleetPromoted)
        new = next((x.fleet for x in reversed(self.happenings) if isinstance(x, kinds)), None)
        return self.serving if self.outcome is Outcome.UNCHANGED else new
