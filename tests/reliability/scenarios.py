"""The flows of the fault matrix: over what each is played, and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PACKER, PRODUCT = "Packer", "spotkiln/"
FLEET, GROUP = "spot-fleet", "auto-scaling"
# A further target group of the same servers.
INSIDE = "website-internal"
SCALES = {
    "most": 6,
    "scaling": {"cpu_percent": 50, "scheduled": [{"cron": "0 3 1 1 *", "minimum": 2}]},
}


class Fault(StrEnum):
    """The worst first."""

    KILL_AFTER = "killed after"
    LOST = "answer lost"
    STALE = "stale reads after"
    KILL_BEFORE = "killed before"
    ERROR = "error"
    KILL_FLOW = "flow killed"
    THROTTLE = "throttled"


KILLS = {Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.KILL_FLOW}


class First(StrEnum):
    """What there is before a scenario, beside what always is."""

    GROUP = "an Auto Scaling group serves"
    SCALED = "what serves is scaled by AWS"
    PREVIEW = "a branch has a preview"
    BEHIND = "what serves is in a further target group, too"


@dataclass(frozen=True)
class Killed:
    """A release of this ref that was killed at the nth such call, and reported dead."""

    ref: str
    operation: str
    nth: int
    when: str


@dataclass(frozen=True)
class Met:
    """A first fault that the flow meets at the nth such call of this agent."""

    operation: str
    nth: int
    fault: Fault
    agent: str = PRODUCT


@dataclass(frozen=True)
class Scenario:
    """A flow over a serving fleet, and how it ends without (more) faults. `after` is what came
    before. `meets` is a fault that it deals with: what it does then is killed at each call.
    `first` is what is released without a fault before it. `migrates`: once, before servers are
    asked for; the example's servers do so themselves. `layered`: its dependencies are an image by
    themselves, which is baked first. `launcher`: what its servers are launched with.
    `batches`: one server first, then the other. `steps`: between two target groups, in a world that
    has them. `behind`: its servers join a further target group."""

    name: str
    ref: str
    ends: str
    flow: str = "release"
    after: Killed | None = None
    meets: Met | None = None
    first: First | None = None
    migrates: bool = False
    layered: bool = False
    launcher: str = FLEET
    batches: bool = False
    steps: bool = False
    behind: bool = False

    @property
    def infra(self) -> Mapping[str, Any]:
        """What its deployment says of where the servers are."""
        return {"infra": {"also_behind": [INSIDE]}} if self.behind else {}

    @property
    def traffic(self) -> Mapping[str, Any]:
        """What its deployment says of how they get requests."""
        return {"traffic": {"batches": ["1", "100 %"], "bake_seconds": 0}} if self.batches else {}

    @property
    def fleet(self) -> Mapping[str, Any]:
        """What its deployment says of the servers."""
        return {"launcher": self.launcher, **(SCALES if self.first is First.SCALED else {})}

    def app(self, variant: str) -> Mapping[str, Any]:
        """What its application says more than the example does."""
        layer = {"dependencies": f"make gems # {variant}", "lock": [".sandbox.json"]}
        once = {"migrate_on": "once"}
        return {**(once if self.migrates else {}), **(layer if self.layered else {})}

    @property
    def of_preview(self) -> bool:
        return self.flow in {"preview", "removal"}

    @property
    def has_more(self) -> bool:
        """It goes the same way as the first scenario, with more to do at one place."""
        more = self.first in {First.GROUP, First.SCALED} or self.batches or self.behind
        return self.migrates or self.layered or self.launcher != FLEET or more

    @property
    def two_faults(self) -> bool:
        return self.meets is not None or (self.flow == "release" and self.after is not None)

    @property
    def faults(self) -> set[Fault]:
        """A second fault is a kill: the others are what the first one was."""
        return {Fault.KILL_AFTER, Fault.KILL_BEFORE} if self.two_faults else set(Fault)


SCENARIOS = (
    Scenario("release", "v2", "released"),
    Scenario("release that migrates", "v2", "released", migrates=True),
    Scenario("release with a layer", "v2", "released", layered=True),
    Scenario("release into a group", "v2", "released", launcher=GROUP),
    Scenario("release that retires a group", "v2", "released", first=First.GROUP),
    Scenario("release that is scaled", "v2", "released", first=First.SCALED),
    Scenario(
        "release of a group that is scaled", "v2", "released", first=First.SCALED, launcher=GROUP
    ),
    Scenario("release in batches", "v2", "released", batches=True),
    Scenario("release of a group in batches", "v2", "released", batches=True, launcher=GROUP),
    Scenario("release in steps", "v2", "released", steps=True),
    Scenario("release behind two groups", "v2", "released", behind=True, first=First.BEHIND),
    Scenario("sick servers behind two groups", "sick", "ImageRejected", behind=True),
    Scenario("red tests", "red", "TestsFailed"),
    Scenario("sick servers", "sick", "ImageRejected"),
    Scenario("rollback", "v1", "released", flow="rollback"),
    Scenario(
        "reconcile of a killed release",
        "v1",
        "settled",
        flow="reconcile",
        # A trial of the call comes before it.
        after=Killed("v2", "RequestSpotFleet", 2, "after"),
    ),
    Scenario(
        "reconcile of a killed retirement",
        "v1",
        "settled",
        flow="reconcile",
        after=Killed("v1", "CancelSpotFleetRequests", 1, "before"),
    ),
    Scenario("preview of a branch", "v1", "released", flow="preview"),
    Scenario("removal of a preview", "v1", "removed", flow="removal", first=First.PREVIEW),
    # Pairs of faults: one for each way to deal with a first one, and for each thing that stands
    # by then. The client repeats a call that was carried out; Packer clears up and the step is
    # tried again; a release undoes a template; an undoing goes on beside a fleet that
    # it could not cancel; the next release undoes a dead one.
    Scenario(
        "a fleet whose answer was lost", "v2", "released",
        meets=Met("RequestSpotFleet", 2, Fault.LOST),
    ),
    Scenario(
        "a bake whose image was refused", "v2", "released",
        meets=Met("CreateImage", 1, Fault.ERROR, PACKER),
    ),
    Scenario(
        "a fleet that was refused", "v2", "PermissionDenied",
        meets=Met("RequestSpotFleet", 2, Fault.ERROR),
    ),
    Scenario(
        "an undoing that was refused", "sick", "ImageRejected",
        meets=Met("CancelSpotFleetRequests", 1, Fault.ERROR),
    ),
    Scenario(
        "a release after a killed one", "v1", "released",
        after=Killed("v2", "RequestSpotFleet", 2, "after"),
    ),
)  # fmt: skip


def scenario_of(name: str) -> Scenario:
    return next(one for one in SCENARIOS if one.name == name)
