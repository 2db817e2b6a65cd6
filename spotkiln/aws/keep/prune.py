"""Takes away what nobody goes back to any more: an image that never served, an old version."""

from collections.abc import Callable

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import layer as layers
from spotkiln.aws.bake.builder import remove_access
from spotkiln.aws.bake.discard import discard, discard_builders, discard_snapshots, tidy
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image, Pruning, discardable, superseded
from spotkiln.bake.layer import unneeded
from spotkiln.bake.twin import apart
from spotkiln.poll import Clock
from spotkiln.release.job import Job


def used_images(aws: Aws) -> set[str]:
    """The images of fleets that are still there."""
    return {one for fleet in launchers(aws).listing() if not fleet.gone for one in fleet.images}


def undo_bake(aws: Aws, job: Job, *, clock: Clock, say: Callable[[str], None]) -> list[str]:
    """Undo what was done for a release's image, at whatever point it was: the builders, a
    candidate, a tested image that never served. An image that was reused stays, and one that shall
    be kept to be looked at. The ids of what has gone."""
    gone = discard_builders(aws, job.release, say)
    remove_access(aws, job.release, job.infra.vpc, clock, job.twin.second if job.twin else "")
    baked = images.of_release(aws, job.release, job.image_name)
    for image in discardable(baked, job.release, used_images(aws)):
        gone += discard(aws, image, clock, say)
    return gone + discard_snapshots(aws, job.release)


def prune_versions(
    aws: Aws,
    versions: list[Image],
    target_group: str,
    keep: int,
    *,
    clock: Clock,
    say: Callable[[str], None],
) -> tuple[list[str], list[Image]]:
    """Discard what served the target group (its name) before its newest `keep` versions. `versions`
    are all the application's images. What another target group keeps stays, and what a fleet uses:
    without its image a fleet could replace no server. The ids of what has gone, and the images that
    are left, as they are then."""
    # The fleets are read only if there is anything to prune.
    if superseded(versions, target_group, keep, set()) == Pruning():
        return [], versions
    pruning = superseded(versions, target_group, keep, used_images(aws))
    gone = [one for image in pruning.discard for one in tidy(aws, image, clock, say)]
    mark = f"{t.SERVED}{target_group}"
    for image in pruning.forget:
        images.untag(aws, image.id, [mark])
        say(f"{image.id} is no version of {target_group} any more; others keep it")
    forgotten = {image.id for image in pruning.forget}
    left = [one.without(mark) if one.id in forgotten else one for one in versions]
    return gone, [one for one in left if one.id not in gone]


def prune_layers(aws: Aws, app: str, *, clock: Clock, say: Callable[[str], None]) -> list[str]:
    """Discard the application's layers that nothing needs any more; the ids of what has gone. A
    release beside this one that has chosen one of them bakes without it."""
    found = [*layers.of_app(aws, app), *apart(images.of_app(aws, app))]
    return [one for image in unneeded(found) for one in tidy(aws, image, clock, say)]
