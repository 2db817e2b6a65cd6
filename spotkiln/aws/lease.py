"""Leases as tags: of a target group, or of a builder's security group."""

from collections.abc import Iterable, Sequence

from spotkiln import tags as t
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.lease import Lease, from_tags


def read(aws: Aws, target_group: str) -> list[Lease]:
    """All leases on a target group (ARN)."""
    return by_group(aws, [target_group]).get(target_group, [])


def by_group(aws: Aws, target_groups: Sequence[str]) -> dict[str, list[Lease]]:
    """All leases on these target groups (ARNs), by group. Source: ELBv2 DescribeTags, 20 a call."""
    found: dict[str, list[Lease]] = {}
    for start in range(0, len(target_groups), 20):
        with aws_errors("leases"):
            answer = aws.elbv2.describe_tags(ResourceArns=list(target_groups[start : start + 20]))
        for description in answer["TagDescriptions"]:
            tags = {tag["Key"]: tag.get("Value", "") for tag in description.get("Tags", [])}
            found[description["ResourceArn"]] = from_tags(tags)
    return found


def write(aws: Aws, target_group: str, lease: Lease) -> None:
    with aws_errors(f"lease of {lease.release}"):
        aws.elbv2.add_tags(
            ResourceArns=[target_group], Tags=[{"Key": lease.key, "Value": lease.to_tag()}]
        )


def remove(aws: Aws, target_group: str, leases: Iterable[Lease]) -> None:
    keys = sorted(lease.key for lease in leases)
    if keys:
        with aws_errors(f"giving back {', '.join(keys)}"):
            aws.elbv2.remove_tags(ResourceArns=[target_group], TagKeys=keys)


def of_builders(aws: Aws) -> list[Lease]:
    """Leases of bakes that are for no target group: each is on its builder's security group."""
    with aws_errors("leases of builders"):
        pages = aws.ec2.get_paginator("describe_security_groups").paginate(
            Filters=[{"Name": "tag-key", "Values": [t.BASE]}]
        )
        groups = [group for page in pages for group in page["SecurityGroups"]]
    return [lease for group in groups for lease in from_tags(t.from_aws(group.get("Tags")))]  # type: ignore[arg-type]


def write_on_builder(aws: Aws, group: str, lease: Lease) -> None:
    """`group` is the id of the builder's security group."""
    with aws_errors(f"lease of {lease.release}"):
        aws.ec2.create_tags(Resources=[group], Tags=t.to_aws({lease.key: lease.to_tag()}))  # type: ignore[arg-type]
