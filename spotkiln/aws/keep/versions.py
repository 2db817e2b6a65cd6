"""Finds the versions of a target group, and the one that a rollback goes to."""

from collections.abc import Callable

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.infra import target_group as find_group
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import InputError
from spotkiln.keep import hold
from spotkiln.keep.promotion import recorded
from spotkiln.keep.versions import PREVIOUS, Version, WayBack, choose, lie_between, listing
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.serving import serving


def _look(
    aws: Aws, app: str, group: TargetGroup
) -> tuple[list[Version], Fleet | None, list[Image]]:
    """The target group's versions, the fleet that serves it, and the application's images."""
    every = launchers(aws).at(group.name)
    # Of several fleets the newest serves: the others are on their way out.
    current = next(iter(serving(every, group.arn)), None)
    found = images.of_app(aws, app)
    return listing(recorded(found, every, group.name), group.name, current), current, found


def list_versions(aws: Aws, app: str, group: TargetGroup) -> list[Version]:
    """The application's versions in the target group, the one released last first."""
    return _look(aws, app, group)[0]


def _image(aws: Aws, version: Version) -> Image:
    image = images.describe(aws, version.image)
    if image is None:
        raise InputError(f"image {version.image} was there a moment ago and is gone; choose anew")
    return images.with_its_twin(aws, image)


def find_image(aws: Aws, app: str, target_group: str, wanted: str) -> Image:
    """The image of the version that is meant. For `previous` it is the newest version of all: which
    one is previous is known only to the release that holds the target group.

    Raises:
        InputError: there is no such version; the message lists those there are.
    """
    versions, *_ = _look(aws, app, find_group(aws, target_group))
    if versions and wanted in {"", PREVIOUS}:
        return _image(aws, versions[0])
    return _image(aws, choose(versions, wanted, app))


def find_way_back(
    aws: Aws, app: str, target_group: str, wanted: str, say: Callable[[str], None]
) -> WayBack:
    """The version that is meant by an image's id, a commit, or `previous`, and which commits the
    rollback leaves. Only who holds the target group knows which version is previous.

    Raises:
        InputError: there is no such version; the message lists those there are.
    """
    versions, current, found = _look(aws, app, find_group(aws, target_group))
    version = choose(versions, wanted, app)
    say(f"{'restarting with' if version.serving else 'going back to'} {version}")
    held = hold.after_rollback(current, versions, version)
    if held:
        say(f"held from then on, until a newer commit is released: {', '.join(held)}")
    image = _image(aws, version)
    migrations = None if version.serving else lie_between(found, current, image)
    return WayBack(image=image, version=version, held=held, migrations=migrations)
