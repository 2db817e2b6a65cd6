"""Auto Scaling groups, as plain values."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Lifecycle = Literal["Pending", "InService", "Terminating"]
MOST_ACTIVITIES = 100


def utcnow() -> datetime:
    """As Auto Scaling shows times: UTC, in whole milliseconds."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass
class Activity:
    group: str
    description: str
    cause: str
    status: str = "InProgress"
    message: str = ""
    progress: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: datetime = field(default_factory=utcnow)
    ended: datetime | None = None
    deleted: bool = False  # its group is not there any more

    def end(self, status: str = "Successful", message: str = "") -> None:
        self.status, self.message = status, message
        self.progress, self.ended = 100, utcnow()


@dataclass
class Member:
    """An instance of a group. It stays one until the group has seen its end. Times are in sandbox
    seconds."""

    instance_id: str
    template: tuple[str, str, str]  # launch template's id, name, version
    instance_type: str
    zone: str
    spot: bool
    activity: Activity
    lifecycle: Lifecycle = "Pending"
    healthy: bool = True
    protected: bool = False
    in_service_at: float | None = None
    check_at: float = 0.0
    leaving: bool = False  # to be replaced because of a rebalance recommendation


@dataclass
class Automatic:
    """What changes a size by itself. Policies and scheduled actions are in botocore's shape, by
    name. `load` is what all servers have to do together: `cpu` in percent of one, `requests` a
    minute; what is not in it is not measured."""

    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    scheduled: dict[str, dict[str, Any]] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)


@dataclass
class ScalableTarget(Automatic):
    """Application Auto Scaling's, of one Spot Fleet."""

    least: int = 0
    most: int = 0
    suspended: dict[str, bool] = field(default_factory=dict)
    created: datetime = field(default_factory=utcnow)


@dataclass
class ScalingGroup:
    """`settings` are in botocore's shape: what CreateAutoScalingGroup took, as updated since."""

    name: str
    settings: dict[str, Any]
    tags: dict[str, tuple[str, bool]]  # key -> (value, whether instances get it)
    target_groups: list[str]
    created: datetime = field(default_factory=utcnow)
    desired: int = 0
    evaluate_at: float = 0.0  # sandbox seconds: when it looks next at how many are missing
    late_at: float | None = None  # when a launch that was under way arrives, though suspended
    suspended: dict[str, str] = field(default_factory=dict)  # process -> why
    members: dict[str, Member] = field(default_factory=dict)
    deleting: bool = False
    automatic: Automatic = field(default_factory=Automatic)
    # What has changed `desired` since the last launch, in AWS's words.
    asked: str = ""

    @property
    def id(self) -> str:
        return f"autoScalingGroupName/{self.name}"

    def does(self, process: str) -> bool:
        return process not in self.suspended

    @property
    def kept(self) -> list[Member]:
        """Those that count: they are not on their way out."""
        return [one for one in self.members.values() if one.lifecycle != "Terminating"]
