"""Reads what releases made. It is told by names that they chose, AWS's own marks, and our tags."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.keep import preview as previews
from spotkiln.aws.keep import takedown as takedowns
from spotkiln.aws.keep.lease import builder_groups
from spotkiln.aws.serve import hand_over as hand_overs
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve.group_tags import tags_of
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.bake.own import (
    BUILDER,
    BUILDER_PREFIX,
    LeftAlone,
    builder_name,
    inherited_images,
    is_builder,
    made_for,
    not_a_builder,
    owner_of,
    untagged_builder,
    with_fleets,
)
from spotkiln.keep.facts import BuilderGroup, Facts, Owned, OwnedPart, Snapshot
from spotkiln.serve.fleet import Fleet
from spotkiln.target import Instance

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef


def _owned(name: str, found: t.Tags) -> Owned:
    return Owned(
        id=name,
        release=found.get(t.RELEASE, ""),
        target_group=found.get(t.TARGET_GROUP, ""),
        tried=found.get(t.PUT_OFF, ""),
    )


def parts(aws: Aws) -> tuple[list[OwnedPart], list[LeftAlone]]:
    """What our fleets are made of, and what only carries a release's tag."""
    own, others = [], []
    for one in launchers(aws).parts():
        if one.ours:
            own.append(OwnedPart(**_owned(one.id, one.tags).model_dump(), kind=one.kind))
        else:
            why = f"no release chose its name {one.name!r}"
            others.append(LeftAlone(kind=one.kind, id=one.id, why=why))
    return own, others


def security_groups(found: Iterable[BuilderGroup]) -> tuple[list[Owned], list[LeftAlone]]:
    """Those of our builders, and those that only carry a release's tag."""
    own, others = [], []
    for one in (x for x in found if t.RELEASE in x.tags):
        owned = _owned(one.id, one.tags)
        if one.name == builder_name(owned.release):
            own.append(owned)
        else:
            why = f"no release chose its name {one.name!r}"
            others.append(LeftAlone(kind="security-group", id=owned.id, why=why))
    return own, others


def key_pairs(aws: Aws) -> list[Owned]:
    """Those with a name that a release chose for its builder: Packer 1.6.6 does not tag them."""
    with aws_errors("our key pairs"):
        found = aws.ec2.describe_key_pairs(
            Filters=[{"Name": "key-name", "Values": [f"{BUILDER_PREFIX}*"]}]
        )["KeyPairs"]
    names = (one.get("KeyName", "") for one in found)
    return [Owned(id=name, release=owner) for name in names if (owner := owner_of(name))]


def snapshots(aws: Aws, images: list[Image]) -> tuple[list[Snapshot], list[LeftAlone]]:
    """Of those that carry a release's tag ours, and the others. Ours are those that CreateImage
    made: for an image of ours, or one that is gone. Without a tag only an image that is there
    could tell whose they are, and then it holds them. `images` are all images of the account."""
    with aws_errors("our snapshots"):
        pages = aws.ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[{"Name": "tag-key", "Values": [t.RELEASE]}]
        )
        everything = [one for page in pages for one in page["Snapshots"]]
    ours = {image.id: image.ours for image in images}
    own, others = [], []
    for one in everything:
        owned = _owned(one["SnapshotId"], t.from_aws(one.get("Tags")))
        description = one.get("Description", "")
        image = made_for(description, t.from_aws(one.get("Tags")))
        if image and ours.get(image, bool(owned.release)):
            own.append(Snapshot(**owned.model_dump(), image=image))
        elif owned.release:
            why = f"CreateImage did not make it for an image of ours; it says {description!r}"
            others.append(LeftAlone(kind="snapshot", id=owned.id, why=why))
    return own, others


def machines(aws: Aws, own: list[Fleet]) -> tuple[list[Instance], list[LeftAlone]]:
    """Builders of ours, members of fleets that have ended, and those that only carry a release's
    tag. Of a fleet that is there nothing is decided about single members: there may be thousands,
    and none is kept."""
    each = launchers(aws)
    there = {one.id for one in own if not one.gone}
    tagged = [
        one
        for page in instances.tagged(aws)
        for one in each.claimed(page)
        if one.fleet not in there
    ]
    unclaimed = [one for one in tagged if one.stays and not one.fleet and not is_builder(one)]
    # A launcher may leave members without its mark: their fleet tells who they are.
    releases = {one.tags.get(t.RELEASE, "") for one in unclaimed}
    members = {x.id: [m.id for m in each.members(x)] for x in own if x.release in releases}
    known = with_fleets(tagged, members)
    ours = {one.id for one in own}
    others = [
        LeftAlone(kind="instance", id=one.id, why=why)
        for one in known
        if one.stays and (why := _not_ours(one, ours))
    ]
    return [one for one in known if not _not_ours(one, ours)], others


def untagged(aws: Aws, keys: Sequence[Owned]) -> list[Instance]:
    """Spot builders that Packer 1.6.6 was killed before it tagged, each with the tags that it would
    have got. `keys` are our builders' key pairs: without one there is none."""
    if not keys:
        return []
    named: list[FilterTypeDef] = [{"Name": "key-name", "Values": [one.id for one in keys]}]
    releases = {one.id: one.release for one in keys}
    return [
        one.model_copy(update={"tags": {t.RELEASE: releases[one.key], t.ROLE: BUILDER}})
        for one in instances.described(aws, named, "our builders")
        if one.stays and untagged_builder(one, releases[one.key])
    ]


def _not_ours(one: Instance, ours: Collection[str]) -> str:
    """Why an instance that carries a release's tag is left alone; empty if it is ours."""
    if one.fleet:
        member = f"a member of {one.launcher} {one.fleet}"
        return "" if one.fleet in ours else f"{member}, which no release asked for"
    return "" if is_builder(one) else f"no fleet's member, {not_a_builder(one)}"


def gather(
    aws: Aws,
    living: frozenset[str],
    group_tags: Mapping[str, Mapping[str, str]] | None = None,
    builders: Sequence[BuilderGroup] | None = None,
) -> Facts:
    """The facts of a region. `living` must have been read before them. A release that starts in
    between may have made something that is seen here: look again who lives before acting on it.
    `group_tags` are all target groups' by ARN, and `builders` the security groups of our machines,
    if they were read together with who lives."""
    everything = images.by_name(aws, "*")
    listing = launchers(aws).listing()
    own_fleets = [fleet for fleet in listing if fleet.release or fleet.adopted]
    own_snapshots, other_snapshots = snapshots(aws, everything)
    own_machines, other_machines = machines(aws, own_fleets)
    own_parts, other_parts = parts(aws)
    keys = key_pairs(aws)
    machine_groups = builder_groups(aws) if builders is None else builders
    own_groups, other_groups = security_groups(machine_groups)
    if group_tags is None:
        group_tags = tags_of(aws, aws_infra.target_group_arns(aws))
    return Facts(
        living=living,
        fleets=tuple(own_fleets),
        instances=(*own_machines, *untagged(aws, keys)),
        images=tuple(image for image in everything if image.ours),
        snapshots=tuple(own_snapshots),
        parts=tuple(own_parts),
        security_groups=tuple(own_groups),
        key_pairs=tuple(keys),
        left_alone=(
            *other_machines,
            *inherited_images(everything),
            *other_snapshots,
            *other_parts,
            *other_groups,
        ),
        takedowns=tuple(takedowns.begun(group_tags)),
        hand_overs=tuple(hand_overs.begun(group_tags)),
        previews=tuple(previews.among(group_tags)),
        others=tuple(one for one in listing if not (one.release or one.adopted)),
        now=aws.now(),
    )
