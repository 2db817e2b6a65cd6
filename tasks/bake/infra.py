"""The step that looks up the infrastructure."""

from prefect import task

from spotkiln.aws.bake import look_up
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.release.release import ReleaseSpec
from spotkiln.tasks.step import STEP, say


@task(name="look up infrastructure", task_run_name="1 look up: infrastructure", **STEP)
def look_up_infra(spec: ReleaseSpec, image: Image | None = None) -> Infra:
    """What the names stand for; `image` is one that is there already."""
    return look_up.look_up_infra(spec, image, say)
