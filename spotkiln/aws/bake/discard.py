"""Takes away what a bake left: the image with its snapshots, the builder with its helpers."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.bake.own import builder_name, owner_of
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.keep.housekeeping import PutOff, again, due
from spotkiln.poll import Clock, Done, Waiting, poll
from spotkiln.target import Instance

# A deregistered image lets go of its snapshots at once. Another that was made of them does not.
SNAPSHOT_SECONDS = 30


def discard(aws: Aws, image: Image, clock: Clock, say: Callable[[str], None]) -> list[str]:
    """Deregister an image and delete its snapshots; the ids of all that is gone.

    Raises:
        DeadlineExceeded: a snapshot stayed in use.
        InfrastructureError: somebody copies it just now.
    """
    for one in image.every:
        if who := one.copying(aws.now()):
            raise InfrastructureError(f"{image.id} stays for now: {who}")
    if image.twin:
        # The first one says what becomes of both: so it goes last.
        return [*discard(aws, image.twin, clock, say), *discard(aws, image.alone, clock, say)]
    snapshots = images.snapshots_of(aws, image)
    if image.release and t.RELEASE not in image.tags:
        # Once the image is gone, nothing else would tell whose they are. And a right to deregister
        # may hang on the tag.
        images.tag(aws, [image.id, *snapshots], {t.RELEASE: image.release})
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
        deadline_seconds=SNAPSHOT_SECONDS,
        clock=clock,
    )
    say(f"discarded image {image.id} with {len(snapshots)} snapshots")
    return [image.id, *snapshots]


def put_off(aws: Aws, ids: Iterable[str], tried: str, error: SpotkilnError) -> PutOff:
    """Tag each of them with the failed try to delete it. `tried` is that tag's value so far."""
    found = again(tried, aws.now(), str(error))
    for name in ids:
        # Key pairs are known by their names and cannot be tagged so: they are tried each time.
        with suppress(SpotkilnError):
            images.tag(aws, [name], {t.PUT_OFF: found.to_tag()})
    return found


def tidy(aws: Aws, image: Image, clock: Clock, say: Callable[[str], None]) -> list[str]:
    """Discard an image that nobody needs any more. If it cannot be deleted now (it may be
    protected), nothing fails: the reason is logged, and it is tried again later."""
    tried = image.tags.get(t.PUT_OFF, "")
    if not due(tried, aws.now()):
        return []
    try:
        return discard(aws, image, clock, say)
    except SpotkilnError as error:
        put_off(aws, [image.id], tried, error)
        say(f"{image.id} cannot be discarded now, and is tried again later: {error}")
        return []


def end_builders(aws: Aws, builders: Sequence[Instance]) -> None:
    """Terminate them. A right to end one may hang on its tag: one that Packer has not tagged yet
    gets it first, for its key pair tells whose it is."""
    for one in builders:
        if t.RELEASE not in one.tags:
            instances.tag(aws, [one.id], {t.RELEASE: owner_of(one.key)})
    instances.terminate(aws, (one.id for one in builders))


def discard_builders(aws: Aws, release: str, say: Callable[[str], None]) -> list[str]:
    """Terminate the machines that a release's bakes and tests left, stopped ones too: Packer
    stops a builder before it makes its image."""
    builders = [one for one in instances.builders_of(aws, release) if one.stays]
    if builders:
        end_builders(aws, builders)
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


def discard_bake(
    aws: Aws, release: str, name: str, second: str, clock: Clock, say: Callable[[str], None]
) -> list[str]:
    """The same of one of a release's two bakes, by the name of its image, beside which the other
    goes on. A snapshot that is left goes with the release."""
    key = builder_name(release, second)
    builders = [x for x in instances.builders_of(aws, release) if x.stays and x.key == key]
    end_builders(aws, builders)
    gone = [one.id for one in builders]
    for image in images.named(aws, name):
        gone += discard(aws, image, clock, say)
    return gone
