"""Looks up the further target groups of the same servers."""

from collections.abc import Collection

from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.bake.further import check_further
from spotkiln.bake.infra import TargetGroup
from spotkiln.bake.infra_names import InfraNames


def find_further(
    aws: Aws, names: InfraNames, first: TargetGroup, zones: Collection[str]
) -> tuple[TargetGroup, ...]:
    """By their names, in the order in which they are asked for. `zones` are the servers'.

    Raises:
        InputError: one is not there, or cannot have these servers.
    """
    found = tuple(target_group(aws, name) for name in names.also_behind)
    for one in found:
        check_further(first, one, zones, _zones(aws, one))
    return found


def _zones(aws: Aws, group: TargetGroup) -> set[str]:
    """Of all load balancers that forward to it."""
    if not group.load_balancers:
        return set()
    with aws_errors(f"load balancers of {group.name}"):
        told = aws.elbv2.describe_load_balancers(LoadBalancerArns=list(group.load_balancers))
    each = [
        {zone.get("ZoneName", "") for zone in one.get("AvailabilityZones", [])}
        for one in told["LoadBalancers"]
    ]
    # What one of them does not reach is missing for its visitors.
    return set.intersection(*each) if each else set()
