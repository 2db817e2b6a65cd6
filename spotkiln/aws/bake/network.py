"""Finds where servers and builders of a target group run."""

from typing import TYPE_CHECKING

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.bake.builder import Builder
from spotkiln.bake.infra import TargetGroup
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.subnets import Network, Subnet, find_subnets, follows_servers, for_servers
from spotkiln.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, SubnetTypeDef
    from mypy_boto3_elbv2.type_defs import LoadBalancerTypeDef


def load_balancer(aws: Aws, group: TargetGroup) -> "LoadBalancerTypeDef":
    """The first one that forwards to it.

    Raises:
        InputError: none does.
    """
    if not group.load_balancers:
        raise InputError(
            f"no load balancer forwards to target group {group.name!r}: its targets would never "
            "be checked or served; add it to a listener's rule"
        )
    with aws_errors(f"load balancer of {group.name}"):
        found = aws.elbv2.describe_load_balancers(LoadBalancerArns=[group.load_balancers[0]])
    return found["LoadBalancers"][0]


def _from_aws(found: "SubnetTypeDef") -> Subnet:
    """Source: EC2 DescribeSubnets."""
    return Subnet(
        id=found.get("SubnetId", ""),
        vpc=found.get("VpcId", ""),
        zone=found.get("AvailabilityZone", ""),
        tags={tag.get("Key", ""): tag.get("Value", "") for tag in found.get("Tags", [])},
    )


def subnets(aws: Aws, vpc: str = "") -> list[Subnet]:
    """All of the VPC; without one: of the region."""
    inside: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": [vpc]}] if vpc else []
    with aws_errors(f"subnets of {vpc or aws.region}"):
        pages = aws.ec2.get_paginator("describe_subnets").paginate(Filters=inside)
        return [_from_aws(one) for page in pages for one in page["Subnets"]]


def find_network(
    aws: Aws,
    names: InfraNames,
    build: Builder,
    group: TargetGroup,
    balancer: "LoadBalancerTypeDef",
) -> Network:
    """Where the servers of a target group run, and what builds for them. Subnets are listed only if
    some are asked for.

    Raises:
        InputError: what is asked for is not there, or no request would come there.
    """
    zones = {
        one.get("SubnetId", ""): one.get("ZoneName", "")
        for one in balancer.get("AvailabilityZones", [])
    }
    network = Network.around(zones)
    if not names.subnets and not build.subnet:
        return network
    there = subnets(aws, group.vpc)
    if names.subnets:
        name = balancer.get("LoadBalancerName", "")
        network = network.with_servers(
            for_servers(names.subnets, there, network.zones, group.vpc, name)
        )
    if build.subnet:
        asked = find_subnets([build.subnet], there, group.vpc, "build.subnet")
        return network.with_builders([one.id for one in asked])
    return network.with_builders(network.servers) if follows_servers(build, names) else network


def network_of(aws: Aws, names: InfraNames, build: Builder, group: TargetGroup) -> Network:
    """The same, where the load balancer has not been looked up."""
    return find_network(aws, names, build, group, load_balancer(aws, group))
