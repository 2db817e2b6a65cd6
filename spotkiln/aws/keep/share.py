"""Shares images with other accounts, and ends that."""

from collections.abc import Callable, Iterable, Sequence

from spotkiln.aws.bake import image as images
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.keep.sharing import Share, shares


def share_images(
    aws: Aws,
    versions: Iterable[Image],
    group: str,
    accounts: Sequence[str],
    say: Callable[[str], None],
) -> list[Share]:
    """Share the versions of a target group (its name) with these accounts and no others. `versions`
    are an application's images. It can be repeated; of what is so already AWS is not told."""
    todo = shares(versions, group, accounts)
    for one in todo:
        images.tag(aws, [one.image.id], {one.tag: one.begun})
        if one.remove:
            for part in one.image.every:
                images.unshare(aws, part, one.remove)
            say(f"{one.image.id} is not shared with {', '.join(one.remove)} any more")
        if one.add:
            for part in one.image.every:
                images.share(aws, part, one.add)
            say(f"{one.image.id} is shared with {', '.join(one.add)}")
        if one.done:
            images.tag(aws, [one.image.id], {one.tag: one.done})
        else:
            images.untag(aws, one.image.id, [one.tag])
    return todo
