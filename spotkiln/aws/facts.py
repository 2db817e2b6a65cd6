"""Reads everything that carries our tags, or a name that we chose."""

import re
from typing import TYPE_CHECKING, Any

from spotkiln import tags as t
from spotkiln.aws import fleet as fleets
from spotkiln.aws import image as images
from spotkiln.aws import instance as instances
from spotkiln.aws.builder import PREFIX
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.reconcile import Facts, Owned, Snapshot

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

# A release ends with a part of its run's id: others may have keys that begin as ours do.
CHOSEN = re.compile(r"-[0-9a-f]{12}$")
MADE_FOR = re.compile(r"\bfor (ami-[0-9a-f]+)")
OURS: "list[FilterTypeDef]" = [{"Name": "tag-key", "Values": [t.RELEASE]}]


def _owned(name: str, tags: Any) -> Owned:
    found = t.from_aws(tags)
    return Owned(
        id=name, release=found.get(t.RELEASE, ""), target_group=found.get(t.TARGET_GROUP, "")
    )


def templates(aws: Aws) -> tuple[Owned, ...]:
    with aws_errors("our launch templates"):
        pages = aws.ec2.get_paginator("describe_launch_templates").paginate(Filters=OURS)
        return tuple(
            _owned(one["LaunchTemplateId"], one.get("Tags"))
            for page in pages
            for one in page["LaunchTemplates"]
        )


def security_groups(aws: Aws) -> tuple[Owned, ...]:
    with aws_errors("our security groups"):
        pages = aws.ec2.get_paginator("describe_security_groups").paginate(Filters=OURS)
        return tuple(
            _owned(one["GroupId"], one.get("Tags"))
            for page in pages
            for one in page["SecurityGroups"]
        )


def key_pairs(aws: Aws) -> tuple[Owned, ...]:
    """By the name that a release chose for its builder: Packer 1.6.6 does not tag them."""
    with aws_errors("our key pairs"):
        found = aws.ec2.describe_key_pairs(
            Filters=[{"Name": "key-name", "Values": [f"{PREFIX}*"]}]
        )["KeyPairs"]
    names = (one.get("KeyName", "") for one in found)
    return tuple(
        Owned(id=name, release=name.removeprefix(PREFIX)) for name in names if CHOSEN.search(name)
    )


def snapshots(aws: Aws, ours: set[str]) -> tuple[Snapshot, ...]:
    """Tagged ones, and those whose description says that they were made for an image of ours."""
    with aws_errors("our snapshots"):
        pages = aws.ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
        everything = [one for page in pages for one in page["Snapshots"]]
    found = []
    for one in everything:
        owned = _owned(one["SnapshotId"], one.get("Tags"))
        made_for = MADE_FOR.search(one.get("Description", ""))
        image = made_for[1] if made_for else ""
        if owned.release or image in ours:
            found.append(Snapshot(**owned.model_dump(), image=image))
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
