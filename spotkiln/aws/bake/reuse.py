"""Finds the image that a release can take instead of baking one."""

from collections.abc import Callable

from spotkiln.aws.bake import image as images
from spotkiln.aws.session import Aws
from spotkiln.bake.reuse import Reuse, reuse
from spotkiln.release.job import Job
from spotkiln.serve.fleet import Fleet


def find_image(aws: Aws, job: Job, current: list[Fleet], say: Callable[[str], None]) -> Reuse:
    """A released image of the same recipe that is still there, or why there is none. `current` are
    the fleets that serve, the newest first."""
    app, serves = job.spec.app.name, current[0].image if current else ""
    found = reuse(job.recipe, app, images.of_app(aws, app), serves)
    if job.taken and found.image is None:
        why = f"{job.taken} has the same digest {job.recipe.digest[:12]} and was released there"
        found = found.model_copy(update={"why": why, "copies": True})
    say(str(found))
    return found
