"""Images and the snapshots behind them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import aws_errors, code_of, is_denied, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.bake.image_name import twin_names
from spotkiln.bake.own import made_for
from spotkiln.bake.twin import with_twins

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef


def from_aws(image: "ImageTypeDef", region: str) -> Image:
    """Source: EC2 DescribeImages."""
    disks = [
        (one.get("DeviceName"), one.get("Ebs", {})) for one in image.get("BlockDeviceMappings", [])
    ]
    snapshots = [ebs.get("SnapshotId", "") for _, ebs in disks]
    encrypted = [
        ebs["SnapshotId"] for _, ebs in disks if ebs.get("Encrypted") and ebs.get("SnapshotId")
    ]
    device = image.get("RootDeviceName", "/dev/xvda")
    sizes = [ebs.get("VolumeSize", 0) for name, ebs in disks if name == device]
    created = image.get("CreationDate", "")
    return Image(
        id=image["ImageId"],
        name=image.get("Name", ""),
        region=region,
        created=datetime.fromisoformat(created) if created else datetime.fromtimestamp(0, UTC),
        available=image.get("State") == "available",
        architecture=image.get("Architecture", "x86_64"),
        root_device=device,
        root_gib=next(iter(sizes), 0),
        encrypted=tuple(encrypted),
        snapshots=tuple(snapshot for snapshot in snapshots if snapshot),
        copied_from=_source(image),
        failed=image.get("State") in {"failed", "error", "invalid"},
        deprecated=_moment(image.get("DeprecationTime", "")),
        tags=t.from_aws(image.get("Tags")),
    )


def _source(image: "ImageTypeDef") -> str:
    """What CreateImage made tells of its instance, too."""
    if "SourceImageId" not in image or "SourceInstanceId" in image:
        return ""
    return f"{image.get('SourceImageRegion', '')}/{image['SourceImageId']}"


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _own(aws: Aws, filters: "Sequence[FilterTypeDef]", what: str) -> list[Image]:
    with aws_errors(what):
        pages = aws.ec2.get_paginator("describe_images").paginate(Owners=["self"], Filters=filters)
        return [from_aws(image, aws.region) for page in pages for image in page["Images"]]


def by_name(aws: Aws, *patterns: str) -> list[Image]:
    """The account's own images whose name matches one of these, with EC2's `*` and `?`. EC2 shows
    its owner deprecated ones, too."""
    named = f"images named {' or '.join(patterns)}"
    return _own(aws, [{"Name": "name", "Values": list(patterns)}], named)


def ours(aws: Aws, tag: str, value: str, what: str) -> list[Image]:
    """Those with this tag that are ours: a copy carries it, too."""
    found = _own(aws, [{"Name": f"tag:{tag}", "Values": [value]}], what)
    return [image for image in found if image.ours]


def of_app(aws: Aws, app: str) -> list[Image]:
    """All our images of an application."""
    return with_twins(ours(aws, t.APP, app, f"images of {app}"))


def named(aws: Aws, *names: str) -> list[Image]:
    """Ours by the names that were chosen for them, which are unique."""
    return [one for one in by_name(aws, *names) if one.ours]


def of_release(aws: Aws, release: str, name: str) -> list[Image]:
    """What a release baked: by its tag, or, if a kill came before it was tagged, by its name."""
    tagged = ours(aws, t.RELEASE, release, f"images of {release}")
    # A release has one image, and a twin at most: the tags of either tell whether there is another.
    if any(one.name == name and not one.other_base for one in tagged) or len(tagged) > 1:
        return with_twins(tagged)
    found = [*tagged, *named(aws, name, *twin_names(name))]
    return with_twins({one.id: one for one in found}.values())


def by_id(aws: Aws, ids: Iterable[str]) -> list[Image]:
    """Those of the account's own that are there."""
    wanted = sorted(ids)
    filters: list[FilterTypeDef] = [{"Name": "image-id", "Values": wanted}]
    return _own(aws, filters, f"images {', '.join(wanted)}") if wanted else []


def describe(aws: Aws, image: str) -> Image | None:
    try:
        answer = aws.ec2.describe_images(ImageIds=[image])
    except ClientError as error:
        if is_not_found(error):
            return None
        with aws_errors(f"image {image}"):
            raise
    found = answer["Images"]
    return from_aws(found[0], aws.region) if found else None


def with_its_twin(aws: Aws, image: Image) -> Image:
    """The same with its twin, if it has one that is there. Of what has none EC2 is not asked."""
    if not image.other_base or image.twin:
        return image
    return with_twins([image, *named(aws, *twin_names(image.name))])[0]


def tag(aws: Aws, resources: Sequence[str], tags: Mapping[str, str]) -> None:
    """Add or replace tags of an image and its snapshots."""
    with aws_errors(f"tagging {', '.join(resources)}"):
        aws.ec2.create_tags(Resources=list(resources), Tags=t.to_aws(tags))


def untag(aws: Aws, image: str, keys: Sequence[str]) -> None:
    """Take these tags away; gone already is no error."""
    with aws_errors(f"removing tags of image {image}"):
        aws.ec2.delete_tags(Resources=[image], Tags=[{"Key": key} for key in keys])


def require_token(aws: Aws, image: str) -> None:
    """Instances of this image answer metadata requests of version 2 only."""
    with aws_errors(f"metadata support of image {image}"):
        aws.ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"})


def deprecate(aws: Aws, image: str, when: datetime) -> None:
    """From then on EC2 shows others only that it is there if they ask for it. Servers may be
    launched from it as before."""
    with aws_errors(f"deprecation of image {image}"):
        aws.ec2.enable_image_deprecation(ImageId=image, DeprecateAt=when)


def undeprecate(aws: Aws, image: str) -> None:
    with aws_errors(f"deprecation of image {image}"):
        aws.ec2.disable_image_deprecation(ImageId=image)


def share(aws: Aws, image: Image, accounts: Sequence[str]) -> None:
    """These may use it, and copy it. Its snapshots come first: without them it is of no use."""
    with aws_errors(f"sharing image {image.id} with {', '.join(accounts)}"):
        for snapshot in image.snapshots:
            aws.ec2.modify_snapshot_attribute(
                SnapshotId=snapshot,
                Attribute="createVolumePermission",
                OperationType="add",
                UserIds=accounts,
            )
        aws.ec2.modify_image_attribute(
            ImageId=image.id, LaunchPermission={"Add": [{"UserId": one} for one in accounts]}
        )


def unshare(aws: Aws, image: Image, accounts: Sequence[str]) -> None:
    """These may not use it any more. What they have copied is theirs."""
    with aws_errors(f"sharing image {image.id} no more with {', '.join(accounts)}"):
        aws.ec2.modify_image_attribute(
            ImageId=image.id, LaunchPermission={"Remove": [{"UserId": one} for one in accounts]}
        )
        for snapshot in image.snapshots:
            aws.ec2.modify_snapshot_attribute(
                SnapshotId=snapshot,
                Attribute="createVolumePermission",
                OperationType="remove",
                UserIds=accounts,
            )


def _made(aws: Aws, filters: "Sequence[FilterTypeDef]", what: str) -> dict[str, str]:
    """Of the account's snapshots those that were made for images, and for which: nobody's copies
    but ours, no backups."""
    with aws_errors(what):
        pages = aws.ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=filters
        )
        found = [one for page in pages for one in page["Snapshots"]]
    made = {
        one["SnapshotId"]: made_for(one.get("Description", ""), t.from_aws(one.get("Tags")))
        for one in found
    }
    return {snapshot: image for snapshot, image in made.items() if image}


def snapshots_of(aws: Aws, image: Image) -> list[str]:
    """Those that its mapping names, and those that EC2 says were made for it: an image that was
    still pending names none."""
    described = _made(
        aws,
        [{"Name": "description", "Values": [f"*{image.id}*"]}],
        f"snapshots of image {image.id}",
    )
    return sorted({*image.snapshots, *(x for x, made in described.items() if made == image.id)})


def snapshots_of_release(aws: Aws, release: str) -> list[str]:
    """The ids of snapshots that CreateImage made and that carry the release's tag."""
    return list(
        _made(
            aws,
            [{"Name": f"tag:{t.RELEASE}", "Values": [release]}],
            f"snapshots of {release}",
        )
    )


def progress(aws: Aws, release: str) -> str:
    """How far EC2 is with the snapshots that a release has asked for, such as `42 %`."""
    with aws_errors(f"snapshots of {release}"):
        found = aws.ec2.describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": f"tag:{t.RELEASE}", "Values": [release]}]
        )["Snapshots"]
    told = [one.get("Progress", "").rstrip("%") for one in found]
    known = [int(one) for one in told if one.isdecimal()]
    return f"{min(known)} %" if known else ""


def deregister(aws: Aws, image: str) -> None:
    """Gone already is no error. A right that hangs on a tag is not there for what is gone: so AWS
    may deny instead."""
    try:
        aws.ec2.deregister_image(ImageId=image)
    except ClientError as error:
        if not is_not_found(error) and not (is_denied(error) and describe(aws, image) is None):
            with aws_errors(f"deregistering {image}"):
                raise


def _is_there(aws: Aws, snapshot: str) -> bool:
    try:
        aws.ec2.describe_snapshots(SnapshotIds=[snapshot])
    except ClientError as error:
        if not is_not_found(error):
            with aws_errors(f"snapshot {snapshot}"):
                raise
        return False
    return True


def delete_snapshot(aws: Aws, snapshot: str) -> bool:
    """Whether it is gone; False while its image still holds it, which takes a moment to end."""
    try:
        aws.ec2.delete_snapshot(SnapshotId=snapshot)
    except ClientError as error:
        if is_not_found(error) or (is_denied(error) and not _is_there(aws, snapshot)):
            return True
        if code_of(error) == "InvalidSnapshot.InUse":
            return False
        with aws_errors(f"deleting {snapshot}"):
            raise
    return True
