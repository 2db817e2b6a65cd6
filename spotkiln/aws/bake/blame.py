"""Writes a verdict down on the image that it blames."""

from collections.abc import Callable

from spotkiln.aws.bake import image as images
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image, blame


def blame_image(
    aws: Aws, image: Image, target_group: str, cause: str, *, keep: bool, say: Callable[[str], None]
) -> Image:
    """The image as it is marked now. A candidate is rejected: undoing removes it, unless `keep`.
    What has served stays as suspect, wherever and whenever it did. `target_group` is a name."""
    seen = images.describe(aws, image.id) or image
    now = seen.model_copy(update={"twin": image.twin})
    marks = blame(now, aws.now(), target_group, cause, keep=keep)
    images.tag(aws, [now.id], marks)
    say(f"{now.id} is {'suspect, and stays' if now.released else 'rejected'}: {cause}")
    return now.with_tags(**marks)
