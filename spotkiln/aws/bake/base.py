"""What a base image is made from, and where."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from spotkiln.aws.bake.image import from_aws
from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image, newest
from spotkiln.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef


def source_image(aws: Aws, pattern: str, owner: str) -> Image:
    """The newest available image of that owner whose name matches.

    Raises:
        InputError: there is none.
    """
    wanted: list[FilterTypeDef] = [{"Name": "name", "Values": [pattern]}]
    with aws_errors(f"images named {pattern} of {owner}"):
        pages = aws.ec2.get_paginator("describe_images").paginate(Owners=[owner], Filters=wanted)
        found = [from_aws(image, aws.region) for page in pages for image in page["Images"]]
    source = newest([image for image in found if image.available])
    if source is None:
        raise InputError(
            f"account {owner} has no available image named {pattern!r} in {aws.region}: "
            "change base.source_image or base.source_owner"
        )
    return source


def builder_network(aws: Aws, subnet: str) -> tuple[str, str]:
    """The builder's VPC and subnet: of the subnet that is given, else the first of the default
    VPC's own.

    Raises:
        InputError: there is none such.
    """
    what = f"subnet {subnet or 'of the default VPC'}"
    wanted: list[FilterTypeDef] = [{"Name": "default-for-az", "Values": ["true"]}]
    try:
        if subnet:
            found = aws.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
        else:
            found = aws.ec2.describe_subnets(Filters=wanted)["Subnets"]
    except ClientError as error:
        if not is_not_found(error):
            with aws_errors(what):
                raise
        found = []
    if not found:
        raise InputError(f"no {what} in {aws.region}: give builder.subnet the id of one")
    first = min(found, key=lambda one: one.get("AvailabilityZone", ""))
    return first.get("VpcId", ""), first.get("SubnetId", "")
