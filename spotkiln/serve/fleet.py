"""Fleet: the servers of one release, asked for as an EC2 Spot Fleet."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from spotkiln import tags as t
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.own import SERVER
from spotkiln.bake.recipe import digest_of
from spotkiln.noun import Noun
from spotkiln.serve.role import server_user_data

# Stands before the commits that a rollback left, once a person has lifted their hold.
LIFTED = "lifted"


def short(commit: str) -> str:
    """As tags and people name a commit."""
    return commit[:12]


class AllocationStrategy(StrEnum):
    PRICE_CAPACITY_OPTIMIZED = "priceCapacityOptimized"
    CAPACITY_OPTIMIZED = "capacityOptimized"
    DIVERSIFIED = "diversified"
    LOWEST_PRICE = "lowestPrice"


class Phase(StrEnum):
    """Where a fleet stands; written to its tag before the step that it announces."""

    PENDING = "pending"
    SERVING = "serving"
    RETIRING = "retiring"


class FleetSpec(Noun):
    """How many servers, of which kind."""

    capacity: int = Field(
        default=2,
        ge=1,
        le=1000,
        title="Capacity",
        description="How many instances serve, at least: what serves now may have been scaled.",
    )
    most: int = Field(
        default=1000,
        ge=1,
        le=1000,
        title="At most",
        description="A fleet that was scaled out is replaced by one of its size, up to this many.",
    )
    instance_types: list[str] = Field(
        default=["t3.micro", "t3a.micro", "t3.small"],
        title="Instance types",
        description="Any of these will do. More types in more zones mean fewer interruptions.",
        min_length=1,
        max_length=20,
    )
    more_instance_types: list[str] = Field(
        default_factory=list,
        title="More instance types",
        description="Allowed as well once the others have had no Spot capacity in time.",
        max_length=20,
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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.on_demand > self.capacity:
            raise ValueError(
                f"on_demand is {self.on_demand}, more than the whole capacity of {self.capacity}"
            )
        if self.most < self.capacity:
            raise ValueError(
                f"most is {self.most}, less than the capacity of {self.capacity} that is asked for"
            )
        if len(set(self.every_type)) != len(self.every_type):
            raise ValueError(f"the instance types name one twice: {self.every_type}")
        return self

    @property
    def every_type(self) -> list[str]:
        return [*self.instance_types, *self.more_instance_types]

    @property
    def in_words(self) -> str:
        """What is asked for: `2 of t3.micro, t3.small, 1 of them On-Demand`."""
        part = f", {self.on_demand} of them On-Demand" if self.on_demand else ""
        return f"{self.capacity} of {', '.join(self.instance_types)}{part}"


class Fleet(Noun):
    """A spot fleet request as AWS tells it. `created` is UTC. A `weighted` one's capacity is not
    in instances."""

    id: str
    state: str
    activity: str = ""
    capacity: int
    created: datetime = datetime.fromtimestamp(0, UTC)
    target_groups: tuple[str, ...] = ()
    launch_templates: tuple[str, ...] = ()
    classic_load_balancers: tuple[str, ...] = ()
    weighted: bool = False
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def release(self) -> str:
        return self.tags.get(t.RELEASE, "")

    @property
    def run(self) -> str:
        return self.tags.get(t.RUN, "")

    @property
    def image(self) -> str:
        return self.tags.get(t.IMAGE, "")

    @property
    def commit(self) -> str:
        return self.tags.get(t.COMMIT, "")

    @property
    def adopted(self) -> bool:
        """Somebody else asked for it; we only retire it."""
        return t.ADOPTED in self.tags

    @property
    def left(self) -> tuple[str, ...]:
        """The commits that the rollback which asked for it left, the newest first."""
        return tuple(x for x in self.tags.get(t.HELD, "").split() if x != LIFTED)

    @property
    def held(self) -> tuple[str, ...]:
        """Those of them that are not to be released again unasked: none, once that is lifted."""
        return () if LIFTED in self.tags.get(t.HELD, "").split() else self.left

    @property
    def group_names(self) -> frozenset[str]:
        """Of its target groups: their ARNs end with `targetgroup/<name>/<id>`."""
        return frozenset(arn.split("/")[1] for arn in self.target_groups if arn.count("/") == 2)

    @property
    def phase(self) -> Phase | None:
        """None for fleets that are not ours."""
        value = self.tags.get(t.PHASE)
        return Phase(value) if value in set(Phase) else None

    @property
    def promoted(self) -> datetime | None:
        """When it became what serves; None if it never did, or before there was such a tag."""
        try:
            moment = datetime.fromisoformat(self.tags.get(t.PROMOTED, ""))
        except ValueError:
            return None
        return moment if moment.tzinfo else None

    @property
    def has_served(self) -> bool:
        """Whether it serves, or did before it was retired: a promotion that was taken back, for
        another came first, is none."""
        return self.phase in {Phase.SERVING, Phase.RETIRING}

    @property
    def order(self) -> tuple[datetime, str]:
        """Fleets follow each other as they were promoted, those without a date as they were
        created."""
        return (self.promoted or self.created, self.id)

    @property
    def live(self) -> bool:
        """Whether EC2 still keeps it at its capacity."""
        return self.state in {"submitted", "active", "modifying"}

    @property
    def gone(self) -> bool:
        return self.state in {"cancelled", "failed"}


def settings_digest(spec: FleetSpec, infra: Infra) -> str:
    """Stands for all that decides the servers besides the image and their number: that may be
    scaled at any time (capacity.py)."""
    return digest_of(
        {
            "spec": spec.model_dump(mode="json", exclude={"capacity", "most"}),
            "subnets": infra.subnets,
            "security_groups": infra.security_groups,
            "role": infra.fleet_role,
            "profile": infra.instance_profile,
            "key": infra.key_pair,
        }
    )


def made_alike(current: Fleet, spec: FleetSpec, image: Image, infra: Infra) -> bool:
    """Whether a fleet is what would be asked for, but for its size: this image, these settings."""
    return current.image == image.id and current.tags.get(t.SETTINGS) == settings_digest(
        spec, infra
    )


def fleet_tags(
    base: Mapping[str, str], image: Image, infra: Infra, spec: FleetSpec
) -> dict[str, str]:
    """A fleet's tags at the moment of its creation; `spec` is what the deployment asks for."""
    return {
        **base,
        t.PHASE: Phase.PENDING,
        t.IMAGE: image.id,
        t.SETTINGS: settings_digest(spec, infra),
        t.CAPACITY: str(spec.capacity),
    }


def template_name(release: str, digest: str) -> str:
    """A launch template's name, chosen before it is made: 3 to 128 characters. `digest` stands
    for what is asked for: another request of the same release has a template of its own."""
    return f"spotkiln-{release}-{digest[:8]}"


def launch_template_request(
    name: str, image: Image, infra: Infra, spec: FleetSpec, tags: Mapping[str, str]
) -> dict[str, Any]:
    """CreateLaunchTemplate's parameters: everything but type and subnet, which are overrides.

    Metadata version 2 only: a launch specification could not say so. An instance reads its tags
    there, to know what it must leave before it ends (systemd/watch-interruption.sh).
    """
    leaving = {t.TARGET_GROUP_ARN: infra.target_group.arn}
    if spec.capacity_rebalance:
        leaving[t.REBALANCE] = "on"
    own = {**tags, t.ROLE: SERVER}
    marks = {"instance": {**own, **leaving}, "volume": own}
    data: dict[str, Any] = {
        "ImageId": image.id,
        "UserData": server_user_data(),
        "SecurityGroupIds": list(infra.security_groups),
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "enabled",
        },
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": t.to_aws(mine)} for kind, mine in marks.items()
        ],
    }
    if infra.instance_profile:
        data["IamInstanceProfile"] = {"Arn": infra.instance_profile}
    if infra.key_pair:
        data["KeyName"] = infra.key_pair
    return {
        "LaunchTemplateName": name,
        "LaunchTemplateData": data,
        "TagSpecifications": [{"ResourceType": "launch-template", "Tags": t.to_aws(tags)}],
    }


def spot_fleet_request(
    spec: FleetSpec, infra: Infra, template: str, tags: Mapping[str, str]
) -> dict[str, Any]:
    """RequestSpotFleet's SpotFleetRequestConfig.

    `template` is a launch template's id, pinned to its version 1. The client token is derived
    from the release and the whole configuration: the same request twice is one fleet, another
    configuration is another request.
    """
    config: dict[str, Any] = {
        "AllocationStrategy": str(spec.allocation_strategy),
        "IamFleetRole": infra.fleet_role,
        "TargetCapacity": spec.capacity,
        "OnDemandTargetCapacity": spec.on_demand,
        "Type": "maintain",
        "TerminateInstancesWithExpiration": False,
        "InstanceInterruptionBehavior": "terminate",
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"},
                "Overrides": [
                    {"InstanceType": kind, "SubnetId": subnet}
                    for kind in spec.instance_types
                    for subnet in infra.subnets
                ],
            }
        ],
        "LoadBalancersConfig": {
            "TargetGroupsConfig": {"TargetGroups": [{"Arn": infra.target_group.arn}]}
        },
        "TagSpecifications": [
            {"ResourceType": "spot-fleet-request", "Tags": t.to_aws(tags)},
        ],
    }
    if spec.capacity_rebalance:
        config["SpotMaintenanceStrategies"] = {
            "CapacityRebalance": {"ReplacementStrategy": "launch"}
        }
    config["ClientToken"] = client_token(tags[t.RELEASE], config)
    return config


def client_token(release: str, config: Mapping[str, Any]) -> str:
    """At most 64 ASCII characters."""
    text = json.dumps({"release": release, "config": config}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
    if not spec.on_demand_fallback or spec.on_demand == spec.capacity:
        return None
    missing = max(spec.capacity - live, 1)
    return spec.model_copy(update={"on_demand": min(spec.on_demand + missing, spec.capacity)})
