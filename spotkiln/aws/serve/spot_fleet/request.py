"""What RequestSpotFleet is asked for."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from spotkiln import tags as t
from spotkiln.serve.order import Order


def spot_fleet_request(order: Order, *templates: str) -> dict[str, Any]:
    """RequestSpotFleet's SpotFleetRequestConfig.

    `templates` are launch templates' ids, one for each of the order's variants, pinned to their
    version 1. The client token is derived
    from the release and the whole configuration: the same request twice is one fleet, another
    configuration is another request.
    """
    spec, infra = order.first, order.infra
    config: dict[str, Any] = {
        "AllocationStrategy": str(spec.allocation_strategy),
        "IamFleetRole": infra.fleet_role,
        "TargetCapacity": spec.capacity,
        "OnDemandTargetCapacity": spec.on_demand_all,
        "Type": "maintain",
        "TerminateInstancesWithExpiration": False,
        "InstanceInterruptionBehavior": "terminate",
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"},
                "Overrides": [
                    {**kinds, "SubnetId": subnet}
                    for kinds in variant.overrides
                    for subnet in infra.subnets
                ],
            }
            for variant, template in zip(order.variants, templates, strict=True)
        ],
        "LoadBalancersConfig": {
            "TargetGroupsConfig": {"TargetGroups": [{"Arn": one.arn} for one in infra.groups]}
        },
        "TagSpecifications": [
            {"ResourceType": "spot-fleet-request", "Tags": t.to_aws(order.fleet_tags)},
        ],
    }
    if spec.capacity_rebalance:
        config["SpotMaintenanceStrategies"] = {
            "CapacityRebalance": {"ReplacementStrategy": "launch"}
        }
    config["ClientToken"] = client_token(order.release, config)
    return config


def client_token(release: str, config: Mapping[str, Any]) -> str:
    """At most 64 ASCII characters."""
    text = json.dumps({"release": release, "config": config}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
