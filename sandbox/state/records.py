"""What the sandbox knows beyond moto's own models.

These are plain values, so that they can be copied and compared: a stale read is answered from a
copy.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.machines.protocol import RoleKey
from sandbox.state.refusals import Refusal
from sandbox.state.scaling import Activity, ScalableTarget, ScalingGroup

# moto reads the same variable.
ACCOUNT_ID = os.environ.get("MOTO_ACCOUNT_ID", "123456789012")
DEBIAN_ACCOUNT_ID = "136693071363"

Intent = Literal["run", "stop", "terminate"]


def utcnow() -> datetime:
    """Real time in UTC without a time zone, as moto has it, in whole milliseconds, as AWS shows
    it."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass
class InstanceRecord:
    """One instance. It is forgotten an hour after its end. Times are in sandbox seconds. `moto`
    is moto's own model of it."""

    instance_id: str
    moto: Any = field(default=None, repr=False)
    spot: bool = False
    fleet_id: str | None = None
    role_key: RoleKey | None = None
    weight: float = 1.0
    pool: str = ""  # "t3.micro/eu-west-1a"
    spot_request_id: str | None = None
    intent: Intent = "run"
    reason: tuple[str, str] = ("", "")  # state reason code and message once it leaves `running`
    starting: bool = False  # a stopped machine was told to start, but has not begun to
    launched_at: float = 0.0
    running_since: float | None = None
    posted: str = ""  # its console as it was shortly after its last change of state
    interrupt_at: float | None = None  # when it ends, once a spot notice was given
    rebalance: bool = False  # a recommendation to rebalance was given
    ended_at: float | None = None
    registered: bool = False  # its fleet has registered it with the target groups

    @property
    def alive(self) -> bool:
        """Whether it counts for its fleet: it has not ended and is not about to."""
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
    """A spot fleet request. `config` is the request's configuration in botocore's shape."""

    fleet_id: str
    config: dict[str, Any]
    created: datetime
    evaluate_at: float  # sandbox seconds: when its next round of launches is due
    state: str = "submitted"
    error: bool = False  # its last round failed: ActivityStatus `error`
    shrinking: bool = False  # a modification made it smaller: it has to terminate instances
    placed: bool = False  # its instances were placed; type `request` does so only once
    placed_late: bool = False  # it is cancelled, but a launch that was under way will still arrive
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
    """One registered target. Times are in sandbox seconds."""

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
    # Auto Scaling groups by name
    scaling_groups: dict[str, ScalingGroup] = field(default_factory=dict)
    # Application Auto Scaling's, by the ids of their Spot Fleets
    scalable: dict[str, ScalableTarget] = field(default_factory=dict)
    # of all of them, also of those that are gone; oldest first
    activities: list[Activity] = field(default_factory=list)
    # by target group ARN, then by instance id and port
    targets: dict[str, dict[tuple[str, int], Target]] = field(default_factory=dict)
    # access key id of an instance's role -> instance id
    role_keys: dict[str, str] = field(default_factory=dict)
    # client token -> (what it was used with, id of the result)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    # the same for those whose result has no id of its own, with the answer
    answers: dict[str, tuple[str, Any]] = field(default_factory=dict)
    # deregistered images -> when, in sandbox seconds
    deregistered: dict[str, float] = field(default_factory=dict)
    # client tokens of copies -> images
    copies: dict[str, str] = field(default_factory=dict)
    locked_snapshots: set[str] = field(default_factory=set)
    # Service Quotas' code -> value, if it is not AWS's default
    quotas: dict[str, float] = field(default_factory=dict)
    # name as in places.py -> at most so many instances
    capacity: dict[str, int] = field(default_factory=dict)
    # name as in places.py -> what EC2 says of launches there
    refusals: dict[str, Refusal] = field(default_factory=dict)
    # fleets are told of the spot quota inside launchSpecTemporarilyBlacklisted
    quota_inside: bool = False
