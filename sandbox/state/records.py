"""What the sandbox knows beyond moto's own models: plain values, so that they can be copied
(a stale read is answered from a copy) and compared."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.state.refusals import Refusal

ACCOUNT_ID = "123456789012"
DEBIAN_ACCOUNT_ID = "136693071363"

Intent = Literal["run", "stop", "terminate"]


def utcnow() -> datetime:
    """Real time, naive and in UTC, as moto keeps it; whole milliseconds, as AWS shows it."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass
class InstanceRecord:
    """One instance until it is forgotten, an hour after its end. Times in sandbox seconds.
    `moto` is moto's own model of it."""

    instance_id: str
    moto: Any = field(default=None, repr=False)
    spot: bool = False
    fleet_id: str | None = None
    weight: float = 1.0
    pool: str = ""  # "t3.micro/eu-west-1a"
    spot_request_id: str | None = None
    intent: Intent = "run"
    reason: tuple[str, str] = ("", "")  # state reason code and message once it leaves `running`
    starting: bool = False  # a stopped machine was told to start, and has not begun to
    launched_at: float = 0.0
    running_since: float | None = None
    posted: str = ""  # its console as it was shortly after its last change of state
    interrupt_at: float | None = None  # a spot notice was given; it ends then
    rebalance: bool = False  # a recommendation to rebalance was given
    ended_at: float | None = None
    registered: bool = False  # its fleet has registered it with the target groups

    @property
    def alive(self) -> bool:
        """Counts for its fleet: neither ended nor on its way there."""
        return self.ended_at is None and self.intent != "terminate"


@dataclass
class HistoryRecord:
    time: datetime
    event_type: str
    sub_type: str
    description: str = ""
    instance_id: str | None = None


@dataclass
class Fleet:
    """A spot fleet request. `config` is what was asked for, in botocore's shape."""

    fleet_id: str
    config: dict[str, Any]
    created: datetime
    evaluate_at: float  # sandbox seconds: when its next round of launches is due
    state: str = "submitted"
    error: bool = False  # its last round failed: ActivityStatus `error`
    shrinking: bool = False  # reduced by a modification: instances over target are to go
    placed: bool = False  # a request of type `request` places its instances once
    placed_late: bool = False  # cancelled, but a launch that was under way still arrives
    history: list[HistoryRecord] = field(default_factory=list)
    blacklisted_until: dict[str, float] = field(default_factory=dict)  # pool -> sandbox seconds
    ended_at: float | None = None

    def event(
        self, kind: str, sub_type: str, description: str = "", instance_id: str | None = None
    ) -> None:
        self.history.append(HistoryRecord(utcnow(), kind, sub_type, description, instance_id))

    @property
    def target(self) -> float:
        return float(self.config["TargetCapacity"])

    @property
    def on_demand_target(self) -> float:
        return float(self.config.get("OnDemandTargetCapacity") or 0)

    @property
    def live(self) -> bool:
        return self.state in ("submitted", "active", "modifying")

    @property
    def target_group_arns(self) -> list[str]:
        groups = (self.config.get("LoadBalancersConfig") or {}).get("TargetGroupsConfig") or {}
        return [group["Arn"] for group in groups.get("TargetGroups") or []]


@dataclass
class Target:
    """One registered target. Times in sandbox seconds."""

    instance_id: str
    port: int
    registered_at: float
    state: Literal["initial", "healthy", "unhealthy"] = "initial"
    reason: str = "Elb.RegistrationInProgress"
    description: str = "Target registration is in progress"
    next_check: float = 0.0
    checking: bool = False  # a request is under way
    passed: int = 0  # consecutive
    failed: int = 0
    draining_until: float | None = None


@dataclass
class State:
    instances: dict[str, InstanceRecord] = field(default_factory=dict)
    fleets: dict[str, Fleet] = field(default_factory=dict)
    # by target group ARN, then by instance id and port
    targets: dict[str, dict[tuple[str, int], Target]] = field(default_factory=dict)
    # client token -> (what it was used with, id of the result)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    # images that were there once, and when they were deregistered
    deregistered: dict[str, float] = field(default_factory=dict)
    locked_snapshots: set[str] = field(default_factory=set)
    # Service Quotas' code -> its value, where it is not AWS's default
    quotas: dict[str, float] = field(default_factory=dict)
    # "type/zone" with "*" for any -> at most so many instances
    capacity: dict[str, int] = field(default_factory=dict)
    # named as capacity limits are -> what EC2 says of launches there
    refusals: dict[str, Refusal] = field(default_factory=dict)
    # the quota of spot instances is told inside launchSpecTemporarilyBlacklisted
    quota_inside: bool = False
