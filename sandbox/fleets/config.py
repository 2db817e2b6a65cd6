"""Reads spot fleets' configurations: what AWS refuses at once, and the pools in them."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from sandbox.compute.checks import check_architecture, check_type, must_be_usable
from sandbox.compute.requirements import fitting
from sandbox.fleets.pools import Pool, twice
from sandbox.state import prices
from sandbox.state.account import Account
from sandbox.state.refusals import Refusal

STRATEGIES = (
    "lowestPrice",
    "diversified",
    "capacityOptimized",
    "capacityOptimizedPrioritized",
    "priceCapacityOptimized",
)
MOST_UNITS = 10_000
INVALID = "InvalidSpotFleetRequestConfig"
# Seconds of a TerminationDelay.
SHORTEST_DELAY, LONGEST_DELAY = 120, 7200
# Keys that belong to the pool. The rest of a launch specification belongs to the launch.
_POOL_KEYS = {"ImageId", "InstanceType", "SubnetId", "WeightedCapacity", "SpotPrice", "Priority"}


def invalid(message: str) -> EC2ClientError:
    return EC2ClientError(INVALID, message)


def check(config: dict[str, Any]) -> None:
    """Raises what AWS answers to a configuration that it refuses at once."""
    _check_source(config)
    _check_capacity(config)
    _check_life(config)
    _check_tags(config)
    for index, spec in enumerate(config.get("LaunchSpecifications") or []):
        _check_specification(index, spec)


def _check_source(config: dict[str, Any]) -> None:
    if bool(config.get("LaunchSpecifications")) == bool(config.get("LaunchTemplateConfigs")):
        raise invalid(
            "Parameter: SpotFleetRequestConfig must have either LaunchSpecifications or "
            "LaunchTemplateConfigs, and not both."
        )
    if not str(config.get("IamFleetRole", "")).startswith("arn:aws:iam::"):
        raise invalid("Parameter: SpotFleetRequestConfig.IamFleetRole is invalid.")


def _check_capacity(config: dict[str, Any]) -> None:
    target = int(config.get("TargetCapacity") or 0)
    on_demand = int(config.get("OnDemandTargetCapacity") or 0)
    if not 0 <= target <= MOST_UNITS:
        raise invalid(
            f"Parameter: SpotFleetRequestConfig.TargetCapacity must be 0 to {MOST_UNITS}."
        )
    strategy = config.get("AllocationStrategy", "lowestPrice")
    if strategy not in STRATEGIES:
        raise invalid(
            f"Parameter: SpotFleetRequestConfig.AllocationStrategy {strategy} is invalid."
        )
    if on_demand and config.get("LaunchSpecifications"):
        raise invalid("On-Demand target capacity can only be used with launch templates.")
    if on_demand > target:
        raise invalid("OnDemandTargetCapacity must not be above TargetCapacity.")


def _check_life(config: dict[str, Any]) -> None:
    kind = config.get("Type") or "maintain"
    if kind not in ("maintain", "request"):
        raise invalid(f"Parameter: SpotFleetRequestConfig.Type {kind} is invalid.")
    rebalance = (config.get("SpotMaintenanceStrategies") or {}).get("CapacityRebalance") or {}
    if rebalance and kind != "maintain":
        raise invalid("CapacityRebalance can only be used with a Spot fleet of type maintain.")
    delay = rebalance.get("TerminationDelay")
    if delay is not None:
        if rebalance.get("ReplacementStrategy") != "launch-before-terminate":
            raise invalid("TerminationDelay can only be used with launch-before-terminate.")
        if not SHORTEST_DELAY <= int(delay) <= LONGEST_DELAY:
            raise invalid(f"TerminationDelay must be {SHORTEST_DELAY} to {LONGEST_DELAY} seconds.")


def check_times(config: dict[str, Any], now: datetime) -> None:
    """Of a new request."""
    begin, end = config.get("ValidFrom"), config.get("ValidUntil")
    if end is not None and end <= now:
        raise invalid("Parameter: SpotFleetRequestConfig.ValidUntil must be in the future.")
    if end is not None and begin is not None and end <= begin:
        raise invalid("Parameter: SpotFleetRequestConfig.ValidUntil must be after ValidFrom.")


def _check_tags(config: dict[str, Any]) -> None:
    for resource in (spec["ResourceType"] for spec in config.get("TagSpecifications") or []):
        if resource != "spot-fleet-request":
            raise EC2ClientError(
                "InvalidParameterValue",
                f"The value for `ResourceType` must be `spot-fleet-request`, but got `{resource}` "
                "instead.",
            )


def _check_specification(index: int, spec: dict[str, Any]) -> None:
    where = f"SpotFleetRequestConfig.LaunchSpecifications[{index}]"
    if not spec.get("ImageId"):
        raise invalid(f"Parameter: {where}.ImageId is missing.")
    if not prices.known(spec.get("InstanceType", "")):
        raise invalid(f"Parameter: {where}.InstanceType {spec.get('InstanceType')} is invalid.")
    for tags in spec.get("TagSpecifications") or []:
        if tags.get("ResourceType", "instance") != "instance":
            raise invalid(f"Parameter: {where}.TagSpecifications must be of type instance.")


def pools(account: Account, config: dict[str, Any]) -> list[Pool]:
    """All pools, in the configuration's order. Each launch template has its own image: one that
    cannot be launched is a fault of its pools alone. Raises EC2ClientError for a template, subnet
    or instance type that does not exist."""
    found: list[Pool] = []
    for spec, template, asked in _specifications(account, config):
        image_id, instance_type = spec.get("ImageId", ""), spec.get("InstanceType", "")
        check_type(instance_type)
        fault = _fault(account, image_id, instance_type)
        launch = {key: value for key, value in spec.items() if key not in _POOL_KEYS}
        found += [
            Pool(
                instance_type=instance_type,
                zone=subnet.availability_zone,
                subnet_id=subnet.id,
                image_id=image_id,
                weight=float(spec.get("WeightedCapacity") or 1),
                priority=float(spec.get("Priority") or 0),
                launch=launch,
                template=template,
                fault=fault,
                asked=asked,
            )
            for subnet in _subnets(account, spec)
        ]
    return found


def check_pools(account: Account, config: dict[str, Any], code: str) -> None:
    """Raises EC2's refusal of a fleet, with this code, in which a pool comes twice. Whether all
    is there that it names is for others to say."""
    try:
        found = pools(account, config)
    except EC2ClientError:
        return
    if twice(found):
        raise EC2ClientError(code, "The fleet configuration contains duplicate instance pools.")


def _fault(account: Account, image_id: str, instance_type: str) -> Refusal | None:
    try:
        must_be_usable(account, image_id)
        check_architecture(account, image_id, instance_type)
    except EC2ClientError as error:
        return Refusal(str(error.code), "error", str(error.message))
    return None


def _specifications(
    account: Account, config: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], tuple[str, str] | None, str]]:
    """Each with its launch template, and with the requirements that its type was chosen by."""
    for spec in config.get("LaunchSpecifications") or []:
        yield spec, None, ""
    for template_config in config.get("LaunchTemplateConfigs") or []:
        version = template_version(account, template_config["LaunchTemplateSpecification"])
        source = version.template.id, str(version.number)
        for override in template_config.get("Overrides") or [{}]:
            overridden = {key: value for key, value in override.items() if value is not None}
            if zone := overridden.pop("AvailabilityZone", None):
                overridden["Placement"] = {"AvailabilityZone": zone}
            wanted = overridden.get("InstanceRequirements")
            asked = json.dumps(wanted, sort_keys=True, default=str) if wanted else ""
            for kinds in _kinds(account, version.data, overridden):
                yield {**version.data, **overridden, **kinds}, source, asked


def _kinds(
    account: Account, template: dict[str, Any], override: dict[str, Any]
) -> list[dict[str, str]]:
    """The types that fit an override's requirements; the override's own type without any."""
    asked = override.pop("InstanceRequirements", None)
    if asked is None:
        return [{}]
    if override.get("InstanceType"):
        raise EC2ClientError(
            "InvalidParameterCombination",
            "InstanceType and InstanceRequirements cannot be specified together.",
        )
    image_id = template.get("ImageId", "")
    must_be_usable(account, image_id)
    found = fitting(asked, [str(account.ec2.amis[image_id].architecture)])
    if not found:
        raise invalid("No instance types match the specified instance requirements.")
    return [{"InstanceType": one} for one in found]


def template_version(account: Account, reference: dict[str, Any]) -> Any:
    """The launch template version that is referred to. Raises what AWS answers if there is none."""
    if name := reference.get("LaunchTemplateName"):
        template = account.ec2.get_launch_template_by_name(name)
    else:
        template = account.ec2.get_launch_template(reference.get("LaunchTemplateId", ""))
    if not reference.get("Version"):
        raise invalid("The launch template version is missing.")
    return template.get_version(reference["Version"])


def _subnets(account: Account, spec: dict[str, Any]) -> list[Any]:
    interfaces = spec.get("NetworkInterfaces") or [{}]
    named = spec.get("SubnetId") or interfaces[0].get("SubnetId")
    if named:
        return [account.ec2.get_subnet(one.strip()) for one in named.split(",")]
    zones = [
        z.strip() for z in (spec.get("Placement") or {}).get("AvailabilityZone", "").split(",")
    ]
    return [
        subnet
        for zone, subnet in sorted(account.ec2.get_default_subnets().items())
        if zones == [""] or zone in zones
    ]
