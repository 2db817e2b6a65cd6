"""What AWS tells of a Spot Fleet request."""

from typing import TYPE_CHECKING

from spotkiln import tags as t
from spotkiln.serve.fleet import Fleet, State

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SpotFleetRequestConfigTypeDef

NAME = "Spot Fleet"
# SpotFleetRequestState. A fleet that is cancelled with its instances running goes on to
# `cancelled` by itself once the last of them has ended.
STATES = {
    "submitted": State.KEPT,
    "active": State.KEPT,
    "modifying": State.KEPT,
    "cancelled_running": State.STOPPED,
    "cancelled_terminating": State.ENDING,
    "cancelled": State.ENDED,
    "failed": State.FAILED,
}


def from_aws(request: "SpotFleetRequestConfigTypeDef") -> Fleet:
    """Source: EC2 DescribeSpotFleetRequests."""
    config = request["SpotFleetRequestConfig"]
    groups = (
        config.get("LoadBalancersConfig", {}).get("TargetGroupsConfig", {}).get("TargetGroups", [])
    )
    classic = (
        config.get("LoadBalancersConfig", {})
        .get("ClassicLoadBalancersConfig", {})
        .get("ClassicLoadBalancers", [])
    )
    pools = [
        *config.get("LaunchSpecifications", []),
        *(x for part in config.get("LaunchTemplateConfigs", []) for x in part.get("Overrides", [])),
    ]
    templates = [
        part.get("LaunchTemplateSpecification", {}).get("LaunchTemplateId", "")
        for part in config.get("LaunchTemplateConfigs", [])
    ]
    return Fleet(
        id=request["SpotFleetRequestId"],
        launcher=NAME,
        state=STATES.get(request["SpotFleetRequestState"], State.STOPPED),
        status=request["SpotFleetRequestState"],
        stuck=request.get("ActivityStatus") == "error",
        capacity=config["TargetCapacity"],
        created=request["CreateTime"],
        target_groups=tuple(group.get("Arn", "") for group in groups),
        parts=tuple(template for template in templates if template),
        classic_load_balancers=tuple(one.get("Name", "") for one in classic),
        weighted=any(pool.get("WeightedCapacity") not in {None, 1.0} for pool in pools),
        tags=t.from_aws(request.get("Tags")),
    )
