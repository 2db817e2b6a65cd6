"""Books of releases that went one way or another."""

from spotkiln.bake.image import Image
from spotkiln.bake.junit import TestReport
from spotkiln.keep.versions import Version, WayBack
from spotkiln.release.book import Book, Heading
from spotkiln.release.happening import (
    CommitTaken,
    CostReckoned,
    Ended,
    FleetPromoted,
    FleetRequested,
    FleetsRetired,
    ForeignSeen,
    GatePassed,
    Happening,
    ImageBaked,
    InfraFound,
    LedgerRead,
    ServingSeen,
    SizeChosen,
    TestsRan,
    VersionsSeen,
    VersionTaken,
)
from spotkiln.release.release import Fate, LedgerEntry, Outcome, ReleaseSpec, Timing
from spotkiln.release.trigger import Trigger
from spotkiln.serve.capacity import Size
from spotkiln.serve.fleet import Phase
from spotkiln.serve.foreign import Foreign, ForeignFleet
from spotkiln.serve.price import Cost
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.nouns import RELEASE, START

OLD = nouns.fleet("sfr-old", tags={**nouns.TAGS, "spotkiln:commit": "01d" * 13 + "0"})
NEW = nouns.fleet("sfr-new", phase=Phase.PENDING, parts=("lt-1",))
VERSION = Version(image="ami-1", commit=nouns.COMMIT, released=START)
FOREIGN = Foreign(fleets=(ForeignFleet(fleet=nouns.fleet("sfr-x", phase=None)),))
GREEN = TestReport(tests=3, skipped=0)


def heading(**changes: object) -> Heading:
    settings = {
        "id": RELEASE,
        "run": "01234567-89ab-cdef-0123-456789abcdef",
        "url": "http://prefect/runs/1",
        "trigger": Trigger(kind="push", by="alice"),
        "spec": ReleaseSpec(app=nouns.app(ref="v1")),
        "started": START,
    }
    return Heading.model_validate({**settings, **changes})


def book(*happenings: Happening, **changes: object) -> Book:
    return Book(heading(**changes), happenings)


def way_back(image: Image | None = None) -> WayBack:
    image = image or nouns.image("ami-0")
    version = Version(image=image.id, commit=image.commit, released=START.replace(hour=3))
    return WayBack(image=image, version=version, held=("badc0ffee000",))


LOOKED_UP: tuple[Happening, ...] = (
    InfraFound(infra=nouns.infra()),
    CommitTaken(source=nouns.source()),
    Timing(name="look up", seconds=1),
    ServingSeen(fleet=OLD),
)
GONE_BACK: tuple[Happening, ...] = (
    InfraFound(infra=nouns.infra()),
    Timing(name="look up", seconds=1),
    VersionTaken(way=way_back()),
    ServingSeen(fleet=OLD),
)
BAKED: tuple[Happening, ...] = (
    *LOOKED_UP,
    ForeignSeen(foreign=FOREIGN),
    ImageBaked(image=nouns.image()),
    Timing(name="bake", seconds=40),
    TestsRan(report=GREEN),
    Timing(name="test", seconds=20),
)
LAUNCHED: tuple[Happening, ...] = (
    *BAKED,
    SizeChosen(size=Size(spec=FleetSpec(capacity=2), why="the deployment's")),
    FleetRequested(fleet=NEW),
    Timing(name="launch", seconds=2),
)
PROMOTED: tuple[Happening, ...] = (
    *LAUNCHED,
    GatePassed(fleet=NEW, servers=(nouns.server("i-1"), nouns.server("i-2"))),
    Timing(name="gate", seconds=30),
    FleetPromoted(fleet=NEW.model_copy(update={"state": "active"})),
)
RELEASED: tuple[Happening, ...] = (
    *PROMOTED,
    CostReckoned(cost=Cost(per_hour=0.02)),
    FleetsRetired(fleets=(OLD,)),
    Timing(name="retire", seconds=5),
    Ended(outcome=Outcome.RELEASED),
    LedgerRead(entries=(LedgerEntry(kind="image", id="ami-1", fate=Fate.KEPT, why="a version"),)),
    VersionsSeen(versions=(VERSION,)),
)
