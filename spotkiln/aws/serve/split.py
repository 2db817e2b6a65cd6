"""Makes a pair of one target group: a second one like it, and rules that forward to both."""

from collections.abc import Callable
from typing import Any

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve import weights as shares
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import RuleRef
from spotkiln.errors import InputError
from spotkiln.serve.weights import WHOLE, Weights

_SETTINGS = (
    "Protocol",
    "ProtocolVersion",
    "Port",
    "VpcId",
    "TargetType",
    "IpAddressType",
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckEnabled",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)
_ATTRIBUTES = (
    "deregistration_delay.timeout_seconds",
    "slow_start.duration_seconds",
    "load_balancing.cross_zone.enabled",
    "load_balancing.algorithm.type",
)


def split(aws: Aws, name: str, second: str, say: Callable[[str], None]) -> None:
    """Every rule that forwards to `name` alone forwards to both from then on, all requests to
    `name` as before. It can be repeated, wherever it was left.

    Raises:
        InputError: there is no such target group, or no rule forwards to it alone.
    """
    with aws_errors(f"target group {name}"):
        pages = aws.elbv2.get_paginator("describe_target_groups").paginate()
        every = {one["TargetGroupName"]: one for page in pages for one in page["TargetGroups"]}
    if name not in every:
        raise InputError(f"no target group {name!r} in {aws.region}: {', '.join(sorted(every))}")
    first: dict[str, Any] = dict(every[name])
    if second in every:
        arn = every[second]["TargetGroupArn"]
        say(f"target group {second} is there")
    else:
        arn = _make(aws, first, second)
        say(f"made target group {second}, like {name}")
    arns = {name: first["TargetGroupArn"], second: arn}
    changed = [
        ref
        for balancer in first["LoadBalancerArns"]
        for ref in _forward_both(aws, balancer, arns, name)
    ]
    if not changed and not every.get(second, {}).get("LoadBalancerArns"):
        raise InputError(
            f"no rule forwards to {name} alone, and to nothing else: give one rule both target "
            "groups, with the weights 1 and 0"
        )
    for ref in changed:
        say(f"{ref.arn} forwards to both: {WHOLE} % to {name}, none to {second}")


def _make(aws: Aws, first: dict[str, Any], second: str) -> str:
    settings: Any = {key: first[key] for key in _SETTINGS if first.get(key) is not None}
    with aws_errors(f"making target group {second}"):
        told = aws.elbv2.describe_target_group_attributes(TargetGroupArn=first["TargetGroupArn"])
        made = aws.elbv2.create_target_group(Name=second, **settings)
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        attributes: Any = [one for one in told["Attributes"] if one.get("Key") in _ATTRIBUTES]
        aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
    return arn


def _forward_both(aws: Aws, balancer: str, arns: dict[str, str], name: str) -> list[RuleRef]:
    weights = Weights(of={one: WHOLE if one == name else 0 for one in arns})
    alone = shares.only_to(aws, balancer, arns[name])
    shares.write_all(aws, alone, arns, weights)
    return list(alone)
