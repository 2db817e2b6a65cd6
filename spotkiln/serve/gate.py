"""The gate: when a new fleet counts as proved, and what the verdict says."""

import math
from enum import StrEnum
from typing import Self

from pydantic import Field

from spotkiln.bake.infra import TargetGroup
from spotkiln.noun import Noun, ShownNoun, number_or_empty

# What a machine takes from its launch until the application is started; and both, where the
# application's own limit is not known.
MACHINE_SECONDS = 30
BOOT_SECONDS = 120


class GatePolicy(ShownNoun):
    """When a fleet counts as proved. What is left empty is derived from the target group."""

    polls: int = Field(
        default=2,
        ge=1,
        le=100,
        title="Consecutive health checks",
        description="For how many intervals of the target group's own health check the whole "
        "capacity must be found healthy, without a break.",
    )
    boot_seconds: int | None = Field(
        default=None,
        ge=0,
        le=4 * 3600,
        title="Expected boot (s)",
        description="From launch until the application answers, generously. Empty: 30 + the "
        "start limits of the application and its processes. A migration at each boot counts too.",
        json_schema_extra=number_or_empty,
    )
    fulfilment_seconds: int = Field(
        default=600,
        ge=1,
        le=7200,
        title="Fulfilment deadline (s)",
        description="How long EC2 may take to launch the whole capacity.",
    )
    grace_seconds: int | None = Field(
        default=None,
        ge=0,
        le=7200,
        title="Grace period (s)",
        description="How long a new instance may be unhealthy. Empty: expected boot + unhealthy "
        "threshold x interval.",
        json_schema_extra=number_or_empty,
    )
    health_seconds: int | None = Field(
        default=None,
        ge=1,
        le=7200,
        title="Health deadline (s)",
        description="From fulfilment until all are healthy. Empty: grace + (unhealthy + healthy "
        "thresholds) x interval + 60.",
        json_schema_extra=number_or_empty,
    )
    losses: int = Field(
        default=2,
        ge=0,
        le=100,
        title="Lost instances allowed",
        description="Instances that may end by themselves and be replaced. Interruptions by EC2 "
        "do not count.",
    )
    flaps: int = Field(
        default=2,
        ge=0,
        le=100,
        title="Flaps allowed",
        description="How often one instance may fall from healthy back to unhealthy.",
    )

    def for_start(self, start_seconds: int) -> Self:
        """The policy for an application with this start limit."""
        if self.boot_seconds is not None:
            return self
        return self.model_copy(update={"boot_seconds": MACHINE_SECONDS + start_seconds})


class Cause(StrEnum):
    HEALTHY = "healthy"
    CAPACITY = "capacity"
    BOOTING = "booting"
    FAILING_CHECK = "failing check"
    FLAPPING = "flapping"
    CRASHING = "crashing"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    OUTSIDE = "outside"
    MISCONFIGURED = "misconfigured"
    SETTLING = "settling"


# Causes for which the image is to blame.
BLAMES_IMAGE = {Cause.FAILING_CHECK, Cause.FLAPPING, Cause.CRASHING}
# Causes for which EC2 is to blame. The other causes blame neither: a person must mend something in
# the account, or in what the application depends on.
BLAMES_CAPACITY = {Cause.CAPACITY, Cause.INTERRUPTED}


class GateOutcome(StrEnum):
    HEALTHY = "healthy"
    WAITING = "waiting"
    FAILED = "failed"


class Verdict(Noun):
    outcome: GateOutcome
    cause: Cause
    detail: str
    advice: str = ""

    def __str__(self) -> str:
        text = f"{self.cause}: {self.detail}"
        return f"{text}. {self.advice}" if self.advice else text


class Limits(Noun):
    """A policy in seconds, with what the target group asks for.

    `settle`: how long all must be healthy without a break. `recovery`: how long an instance that
    was healthy may be unhealthy. `slow_start`: how long the load balancer takes to give a new
    target its full share. `every_zone`: the load balancer sends no request to another zone, so
    each zone that serves now needs a new server.
    """

    polls: int
    settle: float
    fulfilment: float
    grace: float
    recovery: float
    health: float
    losses: int
    flaps: int
    slow_start: float = 0.0
    every_zone: bool = False
    lasts: bool = False

    @property
    def ceiling(self) -> float:
        """The gate ends after so many seconds, however often instances are replaced."""
        if self.lasts:
            return math.inf
        return self.fulfilment + 2 * (self.health + max(self.settle, self.slow_start))

    @property
    def lasting(self) -> Self:
        """The same without an end by itself: for servers that have proved themselves once."""
        return self.model_copy(update={"lasts": True})


def limits(policy: GatePolicy, group: TargetGroup, *further: TargetGroup) -> Limits:
    """The policy's numbers. What it leaves open follows from the target group's own settings; of
    several from those of the slowest."""
    each = [_of_group(policy, one) for one in (group, *further)]
    return each[0].model_copy(
        update={
            **{name: max(getattr(one, name) for one in each) for name in BY_GROUP},
            "every_zone": any(one.every_zone for one in each),
        }
    )


# What of the limits follows from a target group.
BY_GROUP = ("settle", "grace", "recovery", "health", "slow_start")


def _of_group(policy: GatePolicy, group: TargetGroup) -> Limits:
    check = group.health_check
    to_unhealthy = check.unhealthy_threshold * check.interval
    to_healthy = check.healthy_threshold * check.interval
    grace = policy.grace_seconds
    if grace is None:
        boot = BOOT_SECONDS if policy.boot_seconds is None else policy.boot_seconds
        grace = boot + to_unhealthy
    health = policy.health_seconds
    if health is None:
        health = grace + to_unhealthy + to_healthy + 60
    return Limits(
        polls=policy.polls,
        settle=policy.polls * check.interval,
        fulfilment=policy.fulfilment_seconds,
        grace=grace,
        # Long enough to be found unhealthy and healthy again, or to restart.
        recovery=max(grace, to_unhealthy + to_healthy),
        health=health,
        losses=policy.losses,
        flaps=policy.flaps,
        slow_start=group.slow_start,
        every_zone=not group.cross_zone,
    )
