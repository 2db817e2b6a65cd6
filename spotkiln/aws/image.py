"""Images and the snapshots behind them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import aws_errors, code_of, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.image import Image

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef


def from_aws(image: "ImageTypeDef", region: str) -> Image:
    """Source: EC2 DescribeImages."""
    snapshots = [
        mapping.get("Ebs", {}).get("SnapshotId", "")
        for mapping in image.get("BlockDeviceMappings", [])
    ]
    created = image.get("CreationDate", "")
    return Image(
        id=image["ImageId"],
        name=image.get("Name", ""),
        region=region,
        created=datetime.fromisoformat(created) if created else datetime.fromtimestamp(0, UTC),
        available=image.get("State") == "available",
        architecture=image.get("Architecture", "x86_64"),
        snapshots=tuple(snapshot for snapshot in snapshots if snapshot),
        tags=t.from_aws(image.get("Tags")),  # type: ignore[arg-type]
    )


def _own(aws: Aws, filters: "Sequence[FilterTypeDef]", what: str) -> list[Image]:
    with aws_errors(what):
        pages = aws.ec2.get_paginator("describe_images").paginate(Owners=["self"], Filters=filters)
        return [from_aws(image, aws.region) for page in pages for image in page["Images"]]


def by_name(aws: Aws, pattern: str) -> list[Image]:
    """The account's own images whose name matches; `*` and `?` match as EC2 does it."""
    return _own(aws, [{"Name": "name", "Values": [pattern]}], f"images named {pattern}")


def of_recipe(aws: Aws, recipe: str) -> list[Image]:
    """All images of a recipe, in whatever state."""
    return _own(
        aws, [{"Name": f"tag:{t.RECIPE}", "Values": [recipe]}], f"images of recipe {recipe}"
    )


def of_app(aws: Aws, app: str) -> list[Image]:
    return _own(aws, [{"Name": f"tag:{t.APP}", "Values": [app]}], f"images of {app}")


def of_release(aws: Aws, release: str, name: str) -> list[Image]:
    """What a release baked: by its tag, and by the name it chose, should it never have got so
    far as to be tagged."""
    tagged = _own(aws, [{"Name": f"tag:{t.RELEASE}", "Values": [release]}], f"images of {release}")
    # Names are unique, and a release has one: where it is tagged there is no other.
    return tagged or by_name(aws, name)


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


def tag(aws: Aws, resources: Sequence[str], tags: Mapping[str, str]) -> None:
    """Add or replace tags of an image and its snapshots."""
    with aws_errors(f"tagging {', '.join(resources)}"):
        aws.ec2.create_tags(Resources=list(resources), Tags=t.to_aws(tags))  # type: ignore[arg-type]


def require_token(aws: Aws, image: str) -> None:
    """Instances of this image answer metadata requests of version 2 only."""
    with aws_errors(f"metadata support of image {image}"):
        aws.ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"})


def snapshots_of(aws: Aws, image: Image) -> list[str]:
    """Those that its mapping names, and those whose description says they were made for it:
    an image that was still pending names none."""
    with aws_errors(f"snapshots of image {image.id}"):
        pages = aws.ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[{"Name": "description", "Values": [f"*{image.id}*"]}]
        )
        described = [one["SnapshotId"] for page in pages for one in page["Snapshots"]]
    return sorted({*image.snapshots, *described})


def snapshots_of_release(aws: Aws, release: str) -> list[str]:
    """Ids, found by tag."""
    with aws_errors(f"snapshots of {release}"):
        pages = aws.ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[{"Name": f"tag:{t.RELEASE}", "Values": [release]}]
        )
        return [one["SnapshotId"] for page in pages for one in page["Snapshots"]]


def deregister(aws: Aws, image: str) -> None:
    """Gone already is no error."""
    try:
        aws.ec2.deregister_image(ImageId=image)
    except ClientError as error:
        if not is_not_found(error):
            with aws_errors(f"deregistering {image}"):
                raise


def delete_snapshot(aws: Aws, snapshot: str) -> bool:
    """Whether it is gone; False while its image still holds it, which takes a moment to end."""
    try:
        aws.ec2.delete_snapshot(SnapshotId=snapshot)
    except ClientError as error:
        if is_not_found(error):
            return True
        if code_of(error) == "InvalidSnapshot.InUse":
            return False
        with aws_errors(f"deleting {snapshot}"):
            raise
    return True
