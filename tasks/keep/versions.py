"""Versions to go back to: list them, find the one that is meant."""

from prefect import task

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.serve import fleet as fleets
from spotkiln.aws.session import Aws, connect, resolve_region
from spotkiln.bake.image import Image
from spotkiln.errors import InputError
from spotkiln.keep import hold
from spotkiln.keep.promotion import recorded
from spotkiln.keep.versions import PREVIOUS, Version, choose, listing
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.serving import serving
from spotkiln.tasks.step import STEP, say


class WayBack(Noun):
    """Where a rollback goes: `held` are the commits that it leaves, the newest first."""

    image: Image
    version: Version
    held: tuple[str, ...] = ()


def _look(aws: Aws, spec: ReleaseSpec) -> tuple[list[Version], Fleet | None]:
    """The target group's versions, and the fleet that serves it."""
    group = aws_infra.target_group(aws, spec.infra.target_group)
    every = fleets.listing(aws)
    # Of several fleets the newest serves: the others are on their way out.
    current = next(iter(serving(every, group.arn)), None)
    found = images.of_app(aws, spec.app.name)
    return listing(recorded(found, every, group.name), group.name, current), current


def list_versions(spec: ReleaseSpec) -> list[Version]:
    """The application's versions in the target group, the one released last first. Reads only."""
    return _look(connect(resolve_region(spec.infra.region)), spec)[0]


def _image(aws: Aws, version: Version) -> Image:
    image = images.describe(aws, version.image)
    if image is None:
        raise InputError(f"image {version.image} was there a moment ago and is gone; choose anew")
    return image


@task(name="find version", task_run_name="1 look up: version", **STEP)
def find_version(spec: ReleaseSpec, wanted: str) -> Image:
    """An image to look up the infrastructure with, while others may be releasing: the one that is
    meant, or the newest of all for `previous`, which only the turn settles.

    Raises:
        InputError: there is none such; the message lists those there are.
    """
    aws = connect(resolve_region(spec.infra.region))
    versions, _ = _look(aws, spec)
    if versions and wanted in {"", PREVIOUS}:
        return _image(aws, versions[0])
    return _image(aws, choose(versions, wanted, spec.app.name))


@task(name="find way back", task_run_name="1 look up: way back", **STEP)
def find_way_back(spec: ReleaseSpec, wanted: str) -> WayBack:
    """The version that is meant by an image's id, a commit, or `previous`, and what is left by
    going there. Only who holds the target group knows what is previous.

    Raises:
        InputError: there is none such; the message lists those there are.
    """
    aws = connect(resolve_region(spec.infra.region))
    versions, current = _look(aws, spec)
    version = choose(versions, wanted, spec.app.name)
    say(f"going back to {version}")
    held = hold.after_rollback(current, versions, version)
    if held:
        say(f"held from then on, until a newer commit is released: {', '.join(held)}")
    return WayBack(image=_image(aws, version), version=version, held=held)
