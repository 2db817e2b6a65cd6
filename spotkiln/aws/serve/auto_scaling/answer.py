"""What AWS tells of an Auto Scaling group."""

from collections.abc import Iterator, Mapping
from typing import Any

from spotkiln.serve.fleet import Fleet, State

NAME = "Auto Scaling"
# A group that may not launch replaces nothing.
LAUNCH = "Launch"


def _state(suspended: set[str], status: str) -> State:
    if status:  # only a group that is being deleted has one
        return State.ENDING
    return State.STOPPED if LAUNCH in suspended else State.KEPT


def _templates(group: Mapping[str, Any]) -> Iterator[str]:
    policy = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    overrides = [one.get("LaunchTemplateSpecification") for one in policy.get("Overrides", [])]
    for one in (policy.get("LaunchTemplateSpecification"), group.get("LaunchTemplate"), *overrides):
        if one and one.get("LaunchTemplateId"):
            yield one["LaunchTemplateId"]


def from_aws(group: Mapping[str, Any]) -> Fleet:
    """Source: Auto Scaling DescribeAutoScalingGroups."""
    suspended = {one["ProcessName"] for one in group.get("SuspendedProcesses", [])}
    status = group.get("Status", "")
    policy = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    held = f"suspended: {', '.join(sorted(suspended))}" if suspended else "active"
    return Fleet(
        id=group["AutoScalingGroupName"],
        launcher=NAME,
        state=_state(suspended, status),
        status=status or held,
        capacity=group["DesiredCapacity"],
        created=group["CreatedTime"],
        target_groups=tuple(group.get("TargetGroupARNs", [])),
        parts=tuple(dict.fromkeys(_templates(group))),
        classic_load_balancers=tuple(group.get("LoadBalancerNames", [])),
        weighted=any(one.get("WeightedCapacity") for one in policy.get("Overrides", [])),
        tags={one["Key"]: one.get("Value", "") for one in group.get("Tags", [])},
    )
