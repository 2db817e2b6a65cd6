"""Reads Auto Scaling groups' settings: what AWS refuses at once, and the pools in them."""

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
    _check_sizes(settings, desired)
    kinds = set(str(settings.get("HealthCheckType") or "EC2").split(","))
    if kinds - _HEALTH_CHECKS:
        raise ValidationError(f"Invalid health check type: {','.join(sorted(kinds))}")
    if not settings.get("VPCZoneIdentifier") and not settings.get("AvailabilityZones"):
        raise ValidationError("At least one Availability Zone or VPC Subnet is required.")
    _check_distribution(distribution(settings))
    _check_overrides(settings)
    try:
        pools(account, settings)
    except ServiceException as error:
        raise ValidationError(
            f"You must use a valid fully-formed launch template. {error.message}"
        ) from error


def _check_sizes(settings: Mapping[str, Any], desired: int) -> None:
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
    """Types or requirements, and with these no order among the types."""
    policy = (settings.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    overrides = policy.get("Overrides") or []
    by_attributes = [bool(one.get("InstanceRequirements")) for one in overrides]
    if not any(by_attributes):
        return
    if not all(by_attributes) or any(one.get("InstanceType") for one in overrides):
        raise ValidationError(
            "You can only specify either InstanceType or InstanceRequirements in the overrides."
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
    """Every type in every subnet; the order of the types is their priority. Raises
    ServiceException for what does not exist."""
    policy = (settings.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    asked = [
        {key: one[key] for key in ("InstanceType", "InstanceRequirements") if one.get(key)}
        for one in policy.get("Overrides") or [{}]
    ]
    overrides = [
        {"SubnetId": subnet, "Priority": place, **kinds}
        for place, kinds in enumerate(asked)
        for subnet in subnets(account, settings)
    ]
    part = {"LaunchTemplateSpecification": template(settings), "Overrides": overrides}
    found = fleet_config.pools(account, {"LaunchTemplateConfigs": [part]})
    return [replace(one, weight=1.0) for one in found]
