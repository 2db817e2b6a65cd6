"""Reads Auto Scaling groups' settings: what AWS refuses at once, and the pools in them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.core.exceptions import ServiceException

from sandbox.fleets import config as fleet_config
from sandbox.fleets.pools import Pool
from sandbox.state.account import Account

PROCESSES = (
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
)
# As the fleets' allocation knows them.
SPOT_STRATEGIES = {
    "lowest-price": "lowestPrice",
    "capacity-optimized": "capacityOptimized",
    "capacity-optimized-prioritized": "capacityOptimizedPrioritized",
    "price-capacity-optimized": "priceCapacityOptimized",
}
ON_DEMAND_STRATEGIES = {"prioritized": "prioritized", "lowest-price": "lowestPrice"}
_MOST_TEMPLATES = 20
_MOST_REQUIREMENTS = 4
_HEALTH_CHECKS = {"EC2", "ELB", "EBS", "VPC_LATTICE"}
DEFAULTS: Mapping[str, Any] = {
    "DefaultCooldown": 300,
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 0,
    "NewInstancesProtectedFromScaleIn": False,
    "TerminationPolicies": ["Default"],
    "CapacityRebalance": False,
}
DISTRIBUTION: Mapping[str, Any] = {
    "OnDemandAllocationStrategy": "prioritized",
    "OnDemandBaseCapacity": 0,
    "OnDemandPercentageAboveBaseCapacity": 100,
    "SpotAllocationStrategy": "lowest-price",
}


def check(account: Account, settings: Mapping[str, Any], desired: int) -> None:
    """Raises what AWS answers to settings that it refuses at once."""
    check_sizes(settings, desired)
    kinds = set(str(settings.get("HealthCheckType") or "EC2").split(","))
    if kinds - _HEALTH_CHECKS:
        raise ValidationError(f"Invalid health check type: {','.join(sorted(kinds))}")
    if not settings.get("VPCZoneIdentifier") and not settings.get("AvailabilityZones"):
        raise ValidationError("At least one Availability Zone or VPC Subnet is required.")
    _check_distribution(distribution(settings))
    _check_overrides(settings)
    try:
        fleet_config.template_version(account, template(settings))
        found = pools(account, settings)
    except ServiceException as error:
        raise _malformed(str(error.message)) from error
    for fault in (one.fault for one in found):
        if fault is not None:
            raise _malformed(fault.words)


def _malformed(why: str) -> ValidationError:
    return ValidationError(f"You must use a valid fully-formed launch template. {why}")


def check_sizes(settings: Mapping[str, Any], desired: int) -> None:
    """All that is looked at where nothing but the size changes: a template that cannot be launched
    any more is found out by the launch."""
    least, most = int(settings["MinSize"]), int(settings["MaxSize"])
    if least < 0 or most < 0:
        raise ValidationError("Min and max size must not be negative.")
    if least > most:
        raise ValidationError(
            f"Max bound, {most}, must be greater than or equal to min bound, {least}"
        )
    if not least <= desired <= most:
        raise ValidationError(
            f"Desired capacity:{desired} must be between the specified min size:{least} and max "
            f"size:{most}"
        )


def _check_distribution(found: Mapping[str, Any]) -> None:
    for key, known in (
        ("SpotAllocationStrategy", SPOT_STRATEGIES),
        ("OnDemandAllocationStrategy", ON_DEMAND_STRATEGIES),
    ):
        if found[key] not in known:
            raise ValidationError(
                f"{key} {found[key]} is invalid: it must be one of {', '.join(known)}."
            )
    if not 0 <= int(found["OnDemandPercentageAboveBaseCapacity"]) <= 100:
        raise ValidationError("OnDemandPercentageAboveBaseCapacity must be between 0 and 100.")


def _check_overrides(settings: Mapping[str, Any]) -> None:
    """Types or requirements, and with these no order among the types. Overrides may have a launch
    template of their own: this is how images of two architectures come into one group."""
    policy = (settings.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    overrides = policy.get("Overrides") or []
    own = [json.dumps(one.get("LaunchTemplateSpecification"), sort_keys=True) for one in overrides]
    if len(set(own)) > _MOST_TEMPLATES:
        raise ValidationError(
            f"You can specify at most {_MOST_TEMPLATES} launch templates in the overrides."
        )
    by_attributes = [bool(one.get("InstanceRequirements")) for one in overrides]
    if not any(by_attributes):
        return
    if not all(by_attributes) or any(one.get("InstanceType") for one in overrides):
        raise ValidationError(
            "You can only specify either InstanceType or InstanceRequirements in the overrides."
        )
    if len(overrides) > _MOST_REQUIREMENTS:
        raise ValidationError(
            f"You can specify at most {_MOST_REQUIREMENTS} sets of InstanceRequirements."
        )
    found = distribution(settings)
    for key, refused in (
        ("OnDemandAllocationStrategy", "prioritized"),
        ("SpotAllocationStrategy", "capacity-optimized-prioritized"),
    ):
        if found[key] == refused:
            raise ValidationError(f"{key} {refused} cannot be used with InstanceRequirements.")


def distribution(settings: Mapping[str, Any]) -> dict[str, Any]:
    """On-Demand and Spot, with AWS's defaults. Without a policy all are On-Demand."""
    policy = settings.get("MixedInstancesPolicy") or {}
    return {**DISTRIBUTION, **(policy.get("InstancesDistribution") or {})}


def on_demand_of(settings: Mapping[str, Any], size: int) -> int:
    """How many of so many are On-Demand: the base, and the percentage of the rest, rounded up."""
    found = distribution(settings)
    base = min(int(found["OnDemandBaseCapacity"]), size)
    percent = int(found["OnDemandPercentageAboveBaseCapacity"])
    return base + -(-(size - base) * percent // 100)


def template(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The launch template's reference. Raises ValidationError without one."""
    policy = (settings.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    found = policy.get("LaunchTemplateSpecification") or settings.get("LaunchTemplate")
    if not found:
        raise ValidationError(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, "
            "InstanceId or MixedInstancesPolicy parameter."
        )
    return {"Version": "$Default", **found}


def subnets(account: Account, settings: Mapping[str, Any]) -> list[str]:
    named = str(settings.get("VPCZoneIdentifier") or "")
    if named:
        return [one.strip() for one in named.split(",") if one.strip()]
    zones = set(settings.get("AvailabilityZones") or ())
    found = account.ec2.get_default_subnets().items()
    return [subnet.id for zone, subnet in sorted(found) if zone in zones]


def pools(account: Account, settings: Mapping[str, Any]) -> list[Pool]:
    """Every type in every subnet, by its own launch template or the policy's; the order of the
    types is their priority. Raises ServiceException for what does not exist."""
    policy = (settings.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    usual = template(settings)
    parts = []
    for place, one in enumerate(policy.get("Overrides") or [{}]):
        kinds = {key: one[key] for key in ("InstanceType", "InstanceRequirements") if one.get(key)}
        own = {"Version": "$Default", **(one.get("LaunchTemplateSpecification") or usual)}
        overrides = [
            {"SubnetId": subnet, "Priority": place, **kinds}
            for subnet in subnets(account, settings)
        ]
        parts.append({"LaunchTemplateSpecification": own, "Overrides": overrides})
    found = fleet_config.pools(account, {"LaunchTemplateConfigs": parts})
    return [replace(one, weight=1.0) for one in found]
