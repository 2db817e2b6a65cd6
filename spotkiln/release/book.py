"""Book: what happened in one release, in order. All that is told of it is derived from here."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.source import Source
from spotkiln.keep.versions import WayBack
from spotkiln.noun import Noun
from spotkiln.release.happening import (
    CommitTaken,
    Ended,
    FleetPromoted,
    FleetRequested,
    GatePassed,
    Happening,
    ImageBaked,
    ImageBlamed,
    ImageReused,
    InfraFound,
    PlanShown,
    Resumed,
    ServingSeen,
    VersionTaken,
)
from spotkiln.release.plan import Plan
from spotkiln.release.release import Outcome, ReleaseSpec
from spotkiln.release.trigger import Trigger
from spotkiln.serve.fleet import Fleet


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
