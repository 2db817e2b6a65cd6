"""What steps that run Packer have in common: the way into its machine, the image it made."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.builder import delete_key_pair, open_access
from spotkiln.aws.session import Aws
from spotkiln.bake.builder import Builder, Machine
from spotkiln.bake.image import Image
from spotkiln.bake.own import builder_name
from spotkiln.bake.packer import artifact_of
from spotkiln.errors import InfrastructureError
from spotkiln.tasks.bake.packer import endpoint
from spotkiln.tasks.step import tried_before


def open_machine(
    aws: Aws,
    builder: Builder,
    owner: str,
    *,
    vpc: str,
    subnets: Sequence[str],
    login: str,
    tags: Mapping[str, str],
    second: str = "",
) -> Machine:
    """Where this step's machine runs, and how it is reached. What is made for it is `owner`'s.
    `second`: the architecture, where another machine of its runs at the same time."""
    if tried_before():
        # What a try that was cut off has left would be refused as a duplicate.
        delete_key_pair(aws, builder_name(owner, second))
    return Machine(
        builder=builder,
        region=aws.region,
        vpc=vpc,
        subnets=tuple(subnets),
        endpoint=endpoint(),
        access=open_access(aws, owner, vpc, builder, tags, second),
        login=login,
    )


def made_image(aws: Aws, manifest: Path, what: str) -> Image:
    """The image of a run of Packer that ended well.

    Raises:
        InfrastructureError: there is none; `what` should have been made.
    """
    made = artifact_of(manifest)
    if made is None:
        raise InfrastructureError(
            f"Packer ended well, but its manifest names no {what} of this run; see its output"
        )
    return ready_image(aws, made)


def ready_image(aws: Aws, image_id: str) -> Image:
    """An image that was baked, as EC2 shows it."""
    image = images.describe(aws, image_id)
    if image is None or not image.available:
        raise InfrastructureError(f"image {image_id} was baked but EC2 does not show it as ready")
    images.require_token(aws, image.id)
    return image
