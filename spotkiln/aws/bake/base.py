"""What a base image is made from, and where."""

from typing import TYPE_CHECKING

from spotkiln.aws.bake.image import from_aws
from spotkiln.aws.bake.network import subnets
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image, newest
from spotkiln.bake.subnets import find_subnets
from spotkiln.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef


def source_image(aws: Aws, pattern: str, owner: str) -> Image:
    """The newest available image of that owner whose name matches, and that is not deprecated.

    Raises:
        InputError: there is none.
    """
    now = aws.now()
    found = _of_owner(aws, pattern, owner, deprecated=False)
    # One's own EC2 shows even so.
    current = [one for one in found if not (one.deprecated and one.deprecated <= now)]
    if source := newest(current):
        return source
    old = newest(_of_owner(aws, pattern, owner, deprecated=True))
    why = "has no available image" if old is None else "has only deprecated images"
    last = f"; the newest, {old.name} ({old.id}), is deprecated" if old else ""
    raise InputError(
        f"account {owner} {why} named {pattern!r} in {aws.region}{last}: "
        "change base.source_image or base.source_owner"
    )


def _of_owner(aws: Aws, pattern: str, owner: str, *, deprecated: bool) -> list[Image]:
    wanted: list[FilterTypeDef] = [{"Name": "name", "Values": [pattern]}]
    with aws_errors(f"images named {pattern} of {owner}"):
        pages = aws.ec2.get_paginator("describe_images").paginate(
            Owners=[owner], Filters=wanted, IncludeDeprecated=deprecated
        )
        found = [from_aws(image, aws.region) for page in pages for image in page["Images"]]
    return [image for image in found if image.available]


def builder_network(aws: Aws, subnet: str) -> tuple[str, tuple[str, ...]]:
    """The builder's VPC and subnets, by zone: those that are asked for, else the default VPC's own.
    `subnet` is an id, a Name tag, or another tag, as tier=public.

    Raises:
        InputError: there is none such.
    """
    if subnet:
        asked = find_subnets([subnet], subnets(aws), aws.region, "builder.subnet")
        vpc = asked[0].vpc
        return vpc, tuple(one.id for one in asked if one.vpc == vpc)
    wanted: list[FilterTypeDef] = [{"Name": "default-for-az", "Values": ["true"]}]
    with aws_errors("subnets of the default VPC"):
        found = aws.ec2.describe_subnets(Filters=wanted)["Subnets"]
    if not found:
        raise InputError(
            f"no subnet of the default VPC in {aws.region}: name one as builder.subnet, by its id, "
            "its Name tag, or another tag"
        )
    found = sorted(found, key=lambda one: one.get("AvailabilityZone", ""))
    return found[0].get("VpcId", ""), tuple(one.get("SubnetId", "") for one in found)
