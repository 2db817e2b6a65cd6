"""The steps that find the version which a rollback goes to."""

from prefect import task

from spotkiln.aws.keep import versions
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.image import Image
from spotkiln.keep.versions import WayBack
from spotkiln.release.release import ReleaseSpec
from spotkiln.tasks.step import STEP, say


@task(name="find version", task_run_name="1 look up: version", **STEP)
def find_version(spec: ReleaseSpec, wanted: str) -> Image:
    """An image to look up the infrastructure with, before the turn has come."""
    aws = connect(resolve_region(spec.infra.region))
    return versions.find_image(aws, spec.app.name, spec.infra.target_group, wanted)


@task(name="find way back", task_run_name="1 look up: way back", **STEP)
def find_way_back(spec: ReleaseSpec, wanted: str) -> WayBack:
    """The version that is gone back to, and what is held from then on."""
    aws = connect(resolve_region(spec.infra.region))
    return versions.find_way_back(aws, spec.app.name, spec.infra.target_group, wanted, say)
