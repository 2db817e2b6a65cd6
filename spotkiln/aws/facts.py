"""Reads everything that carries our tags, or a name that we chose."""

import re
from typing import TYPE_CHECKING

from spotkiln import tags as t
from spotkiln.aws import fleet as fleets
from spotkiln.aws import image as images
from spotkiln.aws import instance as instances
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.reconcile import Facts, Owned, Snapshot

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

MADE_FOR = re.compile(r"\bfor (ami-[0-9a-f]+)")
OURS: "list[FilterTypeDef]" = [{"Name": "tag-key", "Values": [t.RELEASE]}]


def _release(tags: object) -> str:
    return t.from_aws(tags).get(t.RELEASE, "")  # type: ignore[arg-type]


def templates(aws: Aws) -> tuple[Owned, ...]:
    with aws_errors("our launch templates"):
        pages = aws.ec2.get_paginator("describe_launch_templates").paginate(Filters=OURS)
        return tuple(
            Owned(id=one["LaunchTemplateId"], release=_release(one.get("Tags")))
            for page in pages
            for one in page["LaunchTemplates"]
        )


def security_groups(aws: Aws) -> tuple[Owned, ...]:
    with aws_errors("our security groups"):
        pages = aws.ec2.get_paginator("describe_security_groups").paginate(Filters=OURS)
        return tuple(
            Owned(id=one["GroupId"], release=_release(one.get("Tags")))
            for page in pages
            for one in page["SecurityGroups"]
        )


def key_pairs(aws: Aws) -> tuple[Owned, ...]:
    """By the name that a release chose for its builder: Packer 1.6.6 does not tag them."""
    with aws_errors("our key pairs"):
        found = aws.ec2.describe_key_pairs(
            Filters=[{"Name": "key-name", "Values": [f"{KEY_PAIR}*"]}]
        )["KeyPairs"]
    return tuple(
        Owned(id=name, release=name.removeprefix(KEY_PAIR))
        for name in (one.get("KeyName", "") for one in found)
    )


KEY_PAIR = "spotkiln-builder-"


def snapshots(aws: Aws, ours: set[str]) -> tuple[Snapshot, ...]:
    """Tagged ones, and those whose description says that they were made for an image of ours."""
    with aws_errors("our snapshots"):
        pages = aws.ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
        everything = [one for page in pages for one in page["Snapshots"]]
    found = []
    for one in everything:
        release = _release(one.get("Tags"))
        made_for = MADE_FOR.search(one.get("Description", ""))
        image = made_for[1] if made_for else ""
        if release or image in ours:
            found.append(Snapshot(id=one["SnapshotId"], release=release, image=image))
    return tuple(found)


def gather(aws: Aws, living: frozenset[str]) -> Facts:
    """The facts of a region. `living` must have been read before: a release that starts in
    between then owns nothing yet that could be taken for an orphan."""
    own = tuple(image for image in images.by_name(aws, "*") if image.release)
    return Facts(
        living=living,
        fleets=tuple(fleet for fleet in fleets.listing(aws) if fleet.release),
        instances=tuple(instances.ours(aws)),
        images=own,
        snapshots=snapshots(aws, {image.id for image in own}),
        templates=templates(aws),
        security_groups=security_groups(aws),
        key_pairs=key_pairs(aws),
    )
