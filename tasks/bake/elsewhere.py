"""The steps that find what was released elsewhere, and copy it."""

from functools import partial

from prefect import task

from spotkiln.aws.bake import elsewhere
from spotkiln.aws.session import connect
from spotkiln.bake.elsewhere import Taken
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.source import Source
from spotkiln.bake.twin import pair
from spotkiln.bake.variables import recipe_of
from spotkiln.beside import side_by_side
from spotkiln.release.job import Job
from spotkiln.release.release import ReleaseSpec
from spotkiln.tasks.bake.contents import take_contents
from spotkiln.tasks.step import CLOCK, STEP, not_urgent, say


@task(name="find image elsewhere", task_run_name="1 look up: image elsewhere", **STEP)
def _find(spec: ReleaseSpec, source: Source, infra: Infra) -> tuple[Recipe, Taken | None]:
    recipe, taken = elsewhere.recipe_for(connect(infra.region), spec, source, infra)
    say(f"taken from elsewhere: {taken}")
    return recipe, taken


def find_recipe(spec: ReleaseSpec, source: Source, infra: Infra) -> tuple[Recipe, Taken | None]:
    """The recipe of the commit's image, and the image elsewhere that is taken, if none is baked."""
    if spec.images.take_from is None:
        return recipe_of(source, infra, spec.build.disk), None
    return _find(spec, source, infra)


@task(name="copy image", task_run_name="2 bake: copy the image", **STEP)
def copy_image(job: Job) -> Image:
    """The copy, once it is there, with its twin's if it has one: both are copied at the same time.
    Tried again, it waits for what an earlier try began."""
    if job.twin is None:
        return _copy(job)
    return pair(*side_by_side(partial(_copy, job), partial(_copy, job.twin)))


def _copy(job: Job) -> Image:
    image = elsewhere.copy(connect(job.infra.region), job, clock=CLOCK, say=say)
    if job.taken:
        with not_urgent("keep the copy's SBOM", "what is in it is not known"):
            take_contents(job.taken.image.id, image.id)
    return image
