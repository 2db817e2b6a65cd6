"""Versions to go back to: list them, find the one that is meant."""

from prefect import task

from spotkiln.aws import fleet as fleets
from spotkiln.aws import image as images
from spotkiln.aws import infra as aws_infra
from spotkiln.aws.session import connect, resolve_region
from spotkiln.errors import InputError
from spotkiln.image import Image
from spotkiln.release import ReleaseSpec
from spotkiln.serving import serving
from spotkiln.versions import Version, choose, listing
from tasks.step import STEP, say


def list_versions(spec: ReleaseSpec) -> list[Version]:
    """The application's versions, the one released last first; which of them serves the target
    group. Reads only."""
    aws = connect(resolve_region(spec.infra.region))
    group = aws_infra.target_group(aws, spec.infra.target_group)
    # Of several fleets the newest serves: the others are on their way out.
    fleet = serving(fleets.listing(aws), group.arn)[:1]
    return listing(images.of_app(aws, spec.app.name), {one.image for one in fleet})


@task(name="find version", task_run_name="1 look up: version", **STEP)
def find_version(spec: ReleaseSpec, wanted: str) -> Image:
    """The released image that is meant by its id, a commit, or `previous`.

    Raises:
        InputError: there is none such; the message lists those there are.
    """
    chosen = choose(list_versions(spec), wanted, spec.app.name)
    image = images.describe(connect(resolve_region(spec.infra.region)), chosen.image)
    if image is None:
        raise InputError(f"image {chosen.image} was there a moment ago and is gone; choose anew")
    say(f"going back to {chosen}")
    return image
