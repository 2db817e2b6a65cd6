"""Leases as tags on a target group, or on a builder's security group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.serve.group_tags import tags_of
from spotkiln.aws.session import Aws
from spotkiln.keep.facts import BuilderGroup
from spotkiln.keep.lease import Lease, from_tags


def read(aws: Aws, target_group: str) -> list[Lease]:
    """All leases on a target group (ARN)."""
    return by_group(aws, [target_group]).get(target_group, [])


def by_group(aws: Aws, target_groups: Sequence[str]) -> dict[str, list[Lease]]:
    """All leases on these target groups (ARNs), by group; of those that are still there."""
    return {arn: from_tags(tags) for arn, tags in tags_of(aws, target_groups).items()}


def remove(aws: Aws, target_group: str, leases: Iterable[Lease]) -> None:
    """Remove leases and their marks. One that is not there is no error."""
    keys = sorted(key for lease in leases for key in lease.keys)
    if keys:
        with aws_errors(f"giving back {', '.join(keys)}"):
            aws.elbv2.remove_tags(ResourceArns=[target_group], TagKeys=keys)


@dataclass(frozen=True)
class OnTargetGroup:
    """Where a release's lease is written."""

    aws: Aws
    name: str
    arn: str

    def now(self) -> datetime:
        return self.aws.now()

    def read(self) -> list[Lease]:
        return read(self.aws, self.arn)

    def write(self, tags: Mapping[str, str]) -> None:
        with aws_errors(f"lease on {self.name}"):
            self.aws.elbv2.add_tags(
                ResourceArns=[self.arn],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )

    def remove(self, leases: Iterable[Lease]) -> None:
        remove(self.aws, self.arn, leases)


@dataclass(frozen=True)
class OnBuilder:
    """Where the lease of a bake is written that is for no target group: on the security group of
    its builder."""

    aws: Aws
    group: str

    @property
    def name(self) -> str:
        return f"builder's group {self.group}"

    def now(self) -> datetime:
        return self.aws.now()

    def read(self) -> list[Lease]:
        try:
            found = self.aws.ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"]
        except ClientError as error:
            if is_not_found(error):
                return []
            with aws_errors(f"lease on {self.name}"):
                raise
        return [lease for group in found for lease in from_tags(t.from_aws(group.get("Tags")))]

    def write(self, tags: Mapping[str, str]) -> None:
        with aws_errors(f"lease on {self.name}"):
            self.aws.ec2.create_tags(Resources=[self.group], Tags=t.to_aws(tags))

    def remove(self, leases: Iterable[Lease]) -> None:
        """Nothing to do: the security group is deleted after the bake, and the lease with it."""


def builder_groups(aws: Aws) -> list[BuilderGroup]:
    """The security groups that may be our machines'. What waits for no target group has its lease
    on that of its machine: the bake of a base image or of a layer, or one command."""
    with aws_errors("security groups of builders"):
        pages = aws.ec2.get_paginator("describe_security_groups").paginate(
            Filters=[{"Name": "tag-key", "Values": [t.RELEASE, t.BASE, t.LAYER, t.ROLE]}]
        )
        return [
            BuilderGroup(
                id=one["GroupId"], name=one.get("GroupName", ""), tags=t.from_aws(one.get("Tags"))
            )
            for page in pages
            for one in page["SecurityGroups"]
        ]
