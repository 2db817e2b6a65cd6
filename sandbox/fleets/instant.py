"""EC2 Fleet of type `instant`: launches at once, answers what it could not launch, and is gone."""

import uuid
from collections import Counter
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from sandbox.compute.instances import Instances
from sandbox.fleets import config as fleet_config
from sandbox.fleets.launching import launch_from_pool
from sandbox.fleets.pools import Pool, allocate
from sandbox.fleets.words import no_capacity
from sandbox.state import capacity
from sandbox.state.account import Account

FLEET_TAG = "aws:ec2:fleet-id"
# EC2 Fleet's names for Spot Fleet's strategies.
_STRATEGIES = {
    "lowest-price": "lowestPrice",
    "diversified": "diversified",
    "capacity-optimized": "capacityOptimized",
    "capacity-optimized-prioritized": "capacityOptimizedPrioritized",
    "price-capacity-optimized": "priceCapacityOptimized",
    "prioritized": "prioritized",
}
_NO_SPOT = "There is no Spot capacity available that matches your request."
_TOO_MANY = "Max spot instance count exceeded"


def create(account: Account, instances: Instances, asked: dict[str, Any]) -> dict[str, Any]:
    """CreateFleet's answer. Raises EC2ClientError for what it refuses as a whole: a template that
    is not there, a pool that comes twice. What fits no image, or has no room, is told as an error
    beside what it launched."""
    target = asked.get("TargetCapacitySpecification") or {}
    wanted = int(target.get("TotalTargetCapacity") or 0)
    spot = target.get("DefaultTargetCapacityType", "on-demand") == "spot"
    life = "spot" if spot else "on-demand"
    options = asked.get("SpotOptions" if spot else "OnDemandOptions") or {}
    configs = {"LaunchTemplateConfigs": asked.get("LaunchTemplateConfigs") or []}
    fleet_config.check_pools(account, configs, "InvalidFleetConfig")
    pools = fleet_config.pools(account, configs)
    free = {one.key: _free(account, one, spot=spot) for one in pools}
    strategy = _STRATEGIES[options.get("AllocationStrategy", "lowest-price")]
    found = allocate(pools, wanted, strategy=strategy, held=Counter(), free=free)
    fleet = f"fleet-{uuid.uuid4()}"
    launched: list[dict[str, Any]] = []
    errors = [
        _error(one, life, *_why_none(account, one, spot=spot))
        for one in pools
        if one.fault or one in found.exhausted
    ]
    for pool in found.pools:
        try:
            made = launch_from_pool(account, instances, pool, {FLEET_TAG: fleet}, spot=spot)
        except EC2ClientError as error:
            errors.append(_error(pool, life, str(error.code), str(error.message)))
        else:
            launched.append({**_about(pool, life), "InstanceIds": [made]})
    for one in launched:
        one["InstanceType"] = one["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"]
    return {"FleetId": fleet, "Errors": errors, "Instances": launched}


def _free(account: Account, pool: Pool, *, spot: bool) -> int | None:
    if pool.fault:
        return 0
    room = [capacity.free(account.state, pool.key, spot=spot)]
    room += [capacity.account_free(account.state)] if spot else []
    return min((one for one in room if one is not None), default=None)


def _why_none(account: Account, pool: Pool, *, spot: bool) -> tuple[str, str]:
    """EC2's code and words."""
    if pool.fault:
        return pool.fault.code, pool.fault.words
    if spot and capacity.account_free(account.state) == 0:
        return "MaxSpotInstanceCountExceeded", _TOO_MANY
    words = _NO_SPOT if spot else no_capacity(pool.instance_type, pool.zone)
    return "InsufficientInstanceCapacity", words


def _error(pool: Pool, life: str, code: str, words: str) -> dict[str, Any]:
    return {**_about(pool, life), "ErrorCode": code, "ErrorMessage": words}


def _about(pool: Pool, life: str) -> dict[str, Any]:
    template, version = pool.template or ("", "")
    return {
        "LaunchTemplateAndOverrides": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": version},
            "Overrides": {"InstanceType": pool.instance_type, "SubnetId": pool.subnet_id},
        },
        "Lifecycle": life,
    }
