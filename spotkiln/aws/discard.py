"""Takes away what a bake left: the image with its snapshots, the builder with its helpers."""

from collections.abc import Callable

from spotkiln import tags as t
from spotkiln.aws import image as images
from spotkiln.aws import instance as instances
from spotkiln.aws.session import Aws
from spotkiln.image import Image
from spotkiln.poll import Clock, Done, Waiting, poll


def discard(aws: Aws, image: Image, clock: Clock, say: Callable[[str], None]) -> list[str]:
    """Deregister an image and delete its snapshots; the ids of all that is gone.

    Raises:
        DeadlineExceeded: a snapshot stayed in use.
    """
    snapshots = images.snapshots_of(aws, image)
    if image.release and t.RELEASE not in image.tags and snapshots:
        # Once the image is gone, nothing else would tell whose they are.
        images.tag(aws, snapshots, {t.RELEASE: image.release})
    images.deregister(aws, image.id)
    left = set(snapshots)

    def deleted() -> Done[None] | Waiting:
        for snapshot in sorted(left):
            if images.delete_snapshot(aws, snapshot):
                left.discard(snapshot)
        return Waiting(f"in use: {', '.join(sorted(left))}") if left else Done(None)

    poll(
        deleted,
        what=f"snapshots of {image.id} to be deleted",
        deadline_seconds=120,
        clock=clock,
    )
    say(f"discarded image {image.id} with {len(snapshots)} snapshots")
    return [image.id, *snapshots]


def discard_builders(aws: Aws, release: str, say: Callable[[str], None]) -> list[str]:
    """Terminate the machines that a release's bakes and tests left, stopped ones too: Packer
    stops a builder before it makes its image."""
    builders = [one for one in instances.builders_of(aws, release) if one.stays]
    if builders:
        instances.terminate(aws, (one.id for one in builders))
        say(f"terminating {len(builders)} builders")
    return [one.id for one in builders]


def discard_snapshots(aws: Aws, release: str) -> list[str]:
    """Delete a release's snapshots that no image holds."""
    return [
        snapshot
        for snapshot in images.snapshots_of_release(aws, release)
        if images.delete_snapshot(aws, snapshot)
    ]


def discard_release(
    aws: Aws, release: str, name: str, clock: Clock, say: Callable[[str], None]
) -> list[str]:
    """Everything that a release's bakes made: builders still running, the image by tag or by
    name, stray snapshots. Repeatable."""
    gone = discard_builders(aws, release, say)
    for image in images.of_release(aws, release, name):
        gone += discard(aws, image, clock, say)
    return gone + discard_snapshots(aws, release)
