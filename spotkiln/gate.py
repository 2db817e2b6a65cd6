"""The gate: when a new fleet counts as proved, what is seen of it, and what the verdict says."""

from enum import StrEnum

from pydantic import Field

from spotkiln.infra import HealthCheck
from spotkiln.noun import Noun, number_or_empty
from spotkiln.target import Health, Instance, Server, Target, server_of


class GatePolicy(Noun):
    """When a fleet counts as proved. Whatever is empty is derived from the target group."""

    polls: int = Field(
        default=3,
        ge=1,
        le=100,
        title="Consecutive healthy polls",
        description="How many looks in a row must find the whole capacity healthy.",
    )
    boot_seconds: int = Field(
        default=120,
        ge=0,
        le=3600,
        title="Expected boot (s)",
        description="From launch until the application answers, generously.",
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


class Cause(StrEnum):
    HEALTHY = "healthy"
    CAPACITY = "capacity"
    BOOTING = "booting"
    FAILING_CHECK = "failing check"
    FLAPPING = "flapping"
    CRASHING = "crashing"
    INTERRUPTED = "interrupted"
    MISCONFIGURED = "misconfigured"
    SETTLING = "settling"


# Causes for which the image is to blame, and not EC2 or the load balancer.
BLAMES_IMAGE = {Cause.FAILING_CHECK, Cause.FLAPPING, Cause.CRASHING}
# Causes for which EC2 is.
BLAMES_CAPACITY = {Cause.CAPACITY, Cause.INTERRUPTED}


class Outcome(StrEnum):
    HEALTHY = "healthy"
    WAITING = "waiting"
    FAILED = "failed"


class Observation(Noun):
    """One look at the new fleet, `at` seconds after the gate was entered.

    `instances` are all that the fleet ever launched and EC2 still tells of; `targets` are the
    live ones with their health.
    """

    at: float
    fleet_state: str
    activity: str = ""
    instances: tuple[Instance, ...] = ()
    targets: tuple[Target, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def healthy(self) -> frozenset[str]:
        return frozenset(x.instance for x in self.targets if x.health is Health.HEALTHY)

    @property
    def servers(self) -> tuple[Server, ...]:
        """The targets, with what EC2 tells of them."""
        known = {one.id: one for one in self.instances}
        return tuple(server_of(one, known.get(one.instance)) for one in self.targets)


class Verdict(Noun):
    outcome: Outcome
    cause: Cause
    detail: str
    advice: str = ""

    def __str__(self) -> str:
        text = f"{self.cause}: {self.detail}"
        return f"{text}. {self.advice}" if self.advice else text


class Limits(Noun):
    """A policy with all its seconds resolved."""

    polls: int
    fulfilment: float
    grace: float
    health: float
    losses: int
    flaps: int

    @property
    def ceiling(self) -> float:
        """However often instances are replaced, the gate ends after this. The looks that must
        find all healthy have their own part of it: watching, they are 1 to 5 seconds apart."""
        return self.fulfilment + 2 * self.health + 5 * self.polls


def limits(policy: GatePolicy, check: HealthCheck) -> Limits:
    """What the policy leaves open, from the target group's own settings."""
    to_unhealthy = check.unhealthy_threshold * check.interval
    to_healthy = check.healthy_threshold * check.interval
    grace = policy.grace_seconds
    if grace is None:
        grace = policy.boot_seconds + to_unhealthy
    health = policy.health_seconds
    if health is None:
        health = grace + to_unhealthy + to_healthy + 60
    return Limits(
        polls=policy.polls,
        fulfilment=policy.fulfilment_seconds,
        grace=grace,
        health=health,
        losses=policy.losses,
        flaps=policy.flaps,
    )
