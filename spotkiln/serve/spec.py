"""Spec: how many servers a deployment asks for, and of which kind."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from spotkiln.bake.disk import Disk
from spotkiln.noun import ShownNoun
from spotkiln.serve.attributes import Attributes
from spotkiln.serve.scaling import Bounds, Scaling, aws_schedule, in_force, unlike

# Where nobody has said how many there may be at most.
MOST = 1000
TYPES = ["t3.micro", "t3a.micro", "t3.small"]


class LauncherKind(StrEnum):
    """Which of EC2's services keeps the servers."""

    FLEET = "spot-fleet"
    GROUP = "auto-scaling"


class AllocationStrategy(StrEnum):
    PRICE_CAPACITY_OPTIMIZED = "priceCapacityOptimized"
    CAPACITY_OPTIMIZED = "capacityOptimized"
    DIVERSIFIED = "diversified"
    LOWEST_PRICE = "lowestPrice"


class Credits(StrEnum):
    STANDARD = "standard"
    UNLIMITED = "unlimited"


class FleetSpec(ShownNoun):
    """How many servers, of which kind."""

    launcher: LauncherKind = Field(
        default=LauncherKind.FLEET,
        title="Launcher",
        description="Which service of EC2's launches the servers and keeps their number. One "
        "release takes over from the other's without losing a request.",
    )
    capacity: int = Field(
        default=2,
        ge=1,
        le=1000,
        title="Capacity",
        description="How many instances serve, at least: what serves now may have been scaled.",
    )
    most: int = Field(
        default=MOST,
        ge=1,
        le=MOST,
        title="At most",
        description="A fleet that was scaled out is replaced by one of its size, up to this many.",
    )
    scaling: Scaling = Field(
        default=Scaling(),
        title="Scaled by AWS",
        description="By what AWS changes the number of servers, between the capacity and the most.",
    )
    instance_types: list[str] = Field(
        default=TYPES,
        title="Instance types",
        description="Any of these will do. More types in more zones mean fewer interruptions.",
        max_length=20,
    )
    more_instance_types: list[str] = Field(
        default_factory=list,
        title="More instance types",
        description="Allowed as well once the others have had no Spot capacity in time.",
        max_length=20,
    )
    attributes: Attributes = Field(
        default=Attributes(),
        title="Attributes instead of types",
        description="What a server must have: EC2 takes any type that fits.",
    )
    allocation_strategy: AllocationStrategy = Field(
        default=AllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
        title="Allocation strategy",
        description="How EC2 chooses among types and zones.",
    )
    on_demand: int = Field(
        default=0,
        ge=0,
        title="On-Demand part",
        description="How many of the instances are On-Demand instead of Spot.",
    )
    on_demand_percentage: int = Field(
        default=0,
        ge=0,
        le=100,
        title="On-Demand percentage",
        description="Of the instances beyond the On-Demand part, so many percent are On-Demand "
        "too, rounded up.",
    )
    on_demand_fallback: bool = Field(
        default=False,
        title="Fall back to On-Demand",
        description="When Spot has no capacity in time: On-Demand for the missing part.",
    )
    capacity_rebalance: bool = Field(
        default=False,
        title="Capacity rebalancing",
        description="Replace an instance as soon as EC2 sees an elevated risk of interruption.",
    )

    disk: Disk = Field(
        default=Disk(), title="Servers' root disk", description="What the image does not say."
    )
    monitoring: bool = Field(
        default=False,
        title="Detailed monitoring",
        description="CloudWatch gets EC2's metrics every minute, not every five. It costs extra.",
    )
    credits: Credits | None = Field(
        default=None,
        title="CPU credits of T types",
        description="standard: slower once they are used up; unlimited: they cost extra then. "
        "Empty: the account's default.",
    )

    @model_validator(mode="before")
    @classmethod
    def _either(cls, given: Any) -> Any:
        """Attributes take the place of the types that nobody has chosen."""
        if isinstance(given, dict) and given.get("attributes"):
            asked = Attributes.model_validate(given["attributes"])
            if asked.used and given.get("instance_types", TYPES) == TYPES:
                return {**given, "instance_types": []}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_types()
        if self.on_demand > self.capacity:
            raise ValueError(
                f"on_demand is {self.on_demand}, more than the whole capacity of {self.capacity}"
            )
        if self.most < self.capacity:
            raise ValueError(
                f"most is {self.most}, less than the capacity of {self.capacity} that is asked for"
            )
        self._check_scaling()
        if (
            self.launcher is LauncherKind.GROUP
            and self.allocation_strategy is AllocationStrategy.DIVERSIFIED
        ):
            raise ValueError(
                "the allocation strategy diversified is Spot Fleet's: the launcher auto-scaling "
                "spreads over zones in any case; say priceCapacityOptimized"
            )
        return self

    def _check_types(self) -> None:
        if self.attributes.used and self.every_type:
            raise ValueError(
                f"expected instance_types or attributes, got both: with attributes EC2 takes any "
                f"type that fits, so leave {', '.join(self.every_type)} out"
            )
        if not self.attributes.used and not self.instance_types:
            raise ValueError("expected instance_types with at least 1 item, or attributes")
        if len(set(self.every_type)) != len(self.every_type):
            raise ValueError(f"the instance types name one twice: {self.every_type}")

    def _check_scaling(self) -> None:
        scaling = self.scaling
        if scaling.targets and self.most == MOST:
            raise ValueError(
                f"scaling may launch up to {MOST} servers: say with most how many there may be"
            )
        if wrong := next(unlike(scaling, self.bounds), ""):
            raise ValueError(wrong)
        least = min([one.minimum or self.capacity for one in scaling.scheduled], default=0)
        if scaling.scheduled and self.on_demand > least:
            raise ValueError(
                f"on_demand is {self.on_demand}, and a scheduled action goes down to {least}"
            )
        if self.launcher is LauncherKind.FLEET:
            for one in scaling.scheduled:
                aws_schedule(one)
                if one.desired:
                    raise ValueError(
                        f"the scheduled action at {one.cron!r} says desired, which the launcher "
                        "spot-fleet does not know: say minimum, or take the launcher auto-scaling"
                    )

    @property
    def bounds(self) -> Bounds:
        """How many servers there are at least and at most, but for scheduled actions."""
        return Bounds(least=self.capacity, most=self.most)

    def bounds_at(self, now: datetime) -> Bounds:
        """The same as scheduled actions have it at a moment."""
        return in_force(self.scaling, self.bounds, now)

    @property
    def every_type(self) -> list[str]:
        return [*self.instance_types, *self.more_instance_types]

    @property
    def on_demand_all(self) -> int:
        """How many of the instances are On-Demand: the part, and the percentage of the rest."""
        rest = self.capacity - self.on_demand
        return self.on_demand + -(-rest * self.on_demand_percentage // 100)

    @property
    def in_words(self) -> str:
        """What is asked for: `2 of t3.micro, t3.small, 1 of them On-Demand`."""
        part = f", {self.on_demand_all} of them On-Demand" if self.on_demand_all else ""
        return f"{self.capacity} of {self.types_in_words}{part}"

    @property
    def types_in_words(self) -> str:
        return (
            f"any type with {self.attributes}"
            if self.attributes.used
            else ", ".join(self.instance_types)
        )

    def of_types(self, types: Sequence[str]) -> "FleetSpec":
        """The same by the names of the types that attributes stand for now."""
        if not self.attributes.used:
            return self
        return self.model_copy(update={"instance_types": list(types), "attributes": Attributes()})

    @property
    def overrides(self) -> list[dict[str, Any]]:
        """Which types it may be, as Spot Fleet and Auto Scaling take them."""
        if self.attributes.used:
            return [{"InstanceRequirements": self.attributes.to_aws()}]
        return [{"InstanceType": kind} for kind in self.instance_types]


def next_attempt(spec: FleetSpec, live: int) -> FleetSpec | None:
    """What to ask for after `spec` got no more than `live` instances in time: first the other
    types too, then On-Demand for the missing part, if that is wanted. None: nothing is left."""
    if spec.more_instance_types:
        return spec.model_copy(
            update={
                "instance_types": spec.every_type,
                "more_instance_types": [],
            }
        )
    if not spec.on_demand_fallback or spec.on_demand_all == spec.capacity:
        return None
    missing = max(spec.capacity - live, 1)
    return spec.model_copy(update={"on_demand": min(spec.on_demand_all + missing, spec.capacity)})
