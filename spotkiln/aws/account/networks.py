"""The networks of an account's region."""

from spotkiln.account.choice import Place, Vpc
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws


def networks(aws: Aws) -> list[Vpc]:
    """Source: EC2 DescribeVpcs, DescribeSubnets. Subnets by their zones."""
    with aws_errors(f"networks of {aws.region}"):
        vpcs = [
            one
            for page in aws.ec2.get_paginator("describe_vpcs").paginate()
            for one in page["Vpcs"]
        ]
        subnets = [
            one
            for page in aws.ec2.get_paginator("describe_subnets").paginate()
            for one in page["Subnets"]
        ]
    places: dict[str, list[Place]] = {}
    for one in subnets:
        place = Place(
            id=one.get("SubnetId", ""),
            zone=one.get("AvailabilityZone", ""),
            public=one.get("MapPublicIpOnLaunch", False),
            default=one.get("DefaultForAz", False),
        )
        places.setdefault(one.get("VpcId", ""), []).append(place)
    return [
        Vpc(
            id=one.get("VpcId", ""),
            ranges=one.get("CidrBlock", ""),
            default=one.get("IsDefault", False),
            places=tuple(sorted(places.get(one.get("VpcId", ""), []), key=lambda x: x.zone)),
        )
        for one in vpcs
    ]
