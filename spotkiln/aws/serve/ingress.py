"""Finds out whether security groups are the reason for a gate that failed by time-outs."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra, TargetGroup
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.serve.gate import Verdict
from spotkiln.serve.ingress import Rule, admits, closed, points_at_network
from spotkiln.serve.observation import Observation
from spotkiln.target import Health

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, IpPermissionTypeDef


def from_aws(rule: "IpPermissionTypeDef | IpPermissionOutputTypeDef") -> Rule:
    """Source: EC2 DescribeSecurityGroups."""
    return Rule(
        protocol=rule.get("IpProtocol", ""),
        first=rule.get("FromPort"),
        last=rule.get("ToPort"),
        groups=tuple(one.get("GroupId", "") for one in rule.get("UserIdGroupPairs", [])),
        ranges=tuple(one.get("CidrIp", "") for one in rule.get("IpRanges", [])),
        lists=tuple(one.get("PrefixListId", "") for one in rule.get("PrefixListIds", [])),
    )


def explained(aws: Aws, infra: Infra, verdict: Verdict, seen: Observation) -> Verdict:
    """The verdict; if security groups are the reason for its time-outs, one that says so. What
    cannot be looked up changes nothing."""
    if not points_at_network(verdict, seen):
        return verdict
    with suppress(SpotkilnError):
        groups = {one.group for one in seen.targets if one.health is Health.UNHEALTHY}
        for name in sorted(groups):
            if why := closed_to_the_balancer(aws, infra, infra.named(name)):
                return closed(verdict, why)
    return verdict


def closed_to_the_balancer(aws: Aws, infra: Infra, group: TargetGroup) -> str:
    """A sentence if no rule of the servers' security groups lets the target group's load balancer
    reach the port that it checks; empty if one does."""
    checked = group.health_check.port
    port = int(checked) if checked.isdigit() else group.port
    with aws_errors(f"load balancer of {group.name}"):
        balancers = aws.elbv2.describe_load_balancers(LoadBalancerArns=list(group.load_balancers))
    theirs = [name for one in balancers["LoadBalancers"] for name in one.get("SecurityGroups", [])]
    subnets = [
        zone.get("SubnetId", "")
        for one in balancers["LoadBalancers"]
        for zone in one.get("AvailabilityZones", [])
    ]
    if group == infra.target_group:
        subnets = list(infra.balancer_subnets)
    if admits(_rules(aws, infra), port, theirs, _networks(aws, subnets)):
        return ""
    whose = f" of {group.name}" if infra.also else ""
    return (
        f"no rule of the servers' security groups ({', '.join(infra.security_groups)}) lets the "
        f"load balancer{whose} ({', '.join(theirs)}) reach port {port}"
    )


def _rules(aws: Aws, infra: Infra) -> list[Rule]:
    """Of the servers' security groups."""
    with aws_errors(f"security groups of {infra.target_group.name}'s servers"):
        found = aws.ec2.describe_security_groups(GroupIds=list(infra.security_groups))
    groups = found["SecurityGroups"]
    return [from_aws(rule) for one in groups for rule in one.get("IpPermissions", [])]


def _networks(aws: Aws, subnets: Sequence[str]) -> list[str]:
    with aws_errors(f"subnets {', '.join(subnets)}"):
        found = aws.ec2.describe_subnets(SubnetIds=list(subnets))["Subnets"]
    return [one["CidrBlock"] for one in found if "CidrBlock" in one]


def require_open_to_each_other(aws: Aws, infra: Infra) -> None:
    """A check in batches asks a new server itself, from a machine in the servers' security groups.

    Raises:
        InputError: no rule lets it reach them.
    """
    port = infra.target_group.port
    networks = _networks(aws, infra.builder_subnets)
    if not admits(_rules(aws, infra), port, infra.security_groups, networks):
        raise InputError(
            f"traffic.check asks one of the new servers itself, and no rule of their security "
            f"groups ({', '.join(infra.security_groups)}) lets one of them reach port {port} of "
            "another: add a rule from the group to itself"
        )
