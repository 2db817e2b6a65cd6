"""What CreateAutoScalingGroup is asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from spotkiln.aws.serve.launch_template import template_name
from spotkiln.serve.order import Order
from spotkiln.serve.spec import AllocationStrategy

# AWS's names differ from Spot Fleet's. It has none for `diversified`: a group spreads its servers
# over the zones in any case.
STRATEGIES: Mapping[AllocationStrategy, str] = {
    AllocationStrategy.PRICE_CAPACITY_OPTIMIZED: "price-capacity-optimized",
    AllocationStrategy.CAPACITY_OPTIMIZED: "capacity-optimized",
    AllocationStrategy.LOWEST_PRICE: "lowest-price",
}
KIND = "auto-scaling-group"


def group_name(order: Order) -> str:
    """The group's name, chosen before it is made. Names are unique: who comes again finds it by
    this one. Another request of the same release has a group of its own."""
    return template_name(order.release, order.digest)


def tags_of(group: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """In AWS's shape. Instances get none of these: theirs are in the launch template."""
    return [
        {
            "ResourceId": group,
            "ResourceType": KIND,
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": False,
        }
        for key, value in sorted(tags.items())
    ]


def sizes(order: Order, capacity: int) -> dict[str, int]:
    """For so many servers: the least that there may be is no more than that."""
    return {"MinSize": min(order.bounds.least, capacity), "DesiredCapacity": capacity}


def _launched_by(order: Order, templates: Sequence[str]) -> dict[str, Any]:
    """The launch templates, and which types go with which: of several each type names its own."""
    named = [{"LaunchTemplateId": one, "Version": "1"} for one in templates]
    own = [{"LaunchTemplateSpecification": one} if named[1:] else {} for one in named]
    return {
        "LaunchTemplateSpecification": named[0],
        "Overrides": [
            {**kinds, **one}
            for variant, one in zip(order.variants, own, strict=True)
            for kinds in variant.overrides
        ],
    }


def group_request(order: Order, *templates: str) -> dict[str, Any]:
    """CreateAutoScalingGroup's parameters.

    `templates` are launch templates' ids, one for each of the order's variants, pinned to their
    version 1. All that the deployment does not
    ask for as On-Demand is Spot. No server is ended for its age.
    """
    spec, infra = order.wanted, order.infra
    name = group_name(order)
    return {
        "AutoScalingGroupName": name,
        **sizes(order, order.first.capacity),
        "MaxSize": order.bounds.most,
        "MixedInstancesPolicy": {
            "LaunchTemplate": _launched_by(order, templates),
            "InstancesDistribution": {
                "OnDemandAllocationStrategy": "lowest-price",
                "OnDemandBaseCapacity": spec.on_demand,
                "OnDemandPercentageAboveBaseCapacity": spec.on_demand_percentage,
                "SpotAllocationStrategy": STRATEGIES[spec.allocation_strategy],
            },
        },
        "VPCZoneIdentifier": ",".join(infra.subnets),
        "TargetGroupARNs": [one.arn for one in infra.groups],
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": order.patience_seconds,
        "DefaultInstanceWarmup": order.warm_up_seconds,
        "CapacityRebalance": spec.capacity_rebalance,
        "Tags": tags_of(name, order.fleet_tags),
    }
