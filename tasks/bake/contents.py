"""The steps that keep an image's SBOM, and let it go with the image."""

from collections.abc import Iterable

from prefect import task

from spotkiln.bake.changes import Dependency
from spotkiln.bake.contents import LISTING, Contents, dependencies_of, of_base, of_machine
from spotkiln.bake.image import Image
from spotkiln.prefect_api import contents, of_image
from spotkiln.prefect_api.connection import ask
from spotkiln.release.job import Job
from spotkiln.tasks.step import STEP, not_urgent, say


def _keep(found: Contents) -> None:
    ask(contents.write, found)
    say(f"the SBOM of {found.image} has {found.counted}")


@task(name="keep SBOM", task_run_name="3 test: keep the SBOM", **STEP)
def keep_contents(job: Job, image: Image) -> None:
    """What the machine that tested has listed, and what the commit's lock files name."""
    app, file = job.source.app, job.folder / "report" / LISTING
    listing = file.read_text() if file.is_file() else ""
    locked = dependencies_of(job.source.archive, app.folder, app.lock)
    found = of_machine(image.id, listing, locked)
    _keep(found.model_copy(update={"app": job.spec.app.name, "commit": job.source.commit}))


def take_contents(source: str, image: str) -> None:
    """A copy has what its source has, if that is known to this Prefect."""
    found = ask(contents.read, source)
    if found:
        _keep(found.model_copy(update={"image": image}))


def keep_base_contents(image: str, listing: str) -> None:
    """What a new base image has: a plan compares it with what serves."""
    with not_urgent("keep the base image's SBOM", "plans cannot tell what it changes"):
        _keep(of_base(image, listing))


def changed_packages(before: str, now: str) -> tuple[Dependency, ...]:
    """Debian's packages that differ between two images; none if it is not known."""
    return ask(contents.changed_packages, before, now)


def forget_contents(gone: Iterable[str]) -> None:
    """Of what has gone, images and other things, nothing is kept any more."""
    images = [one for one in gone if one.startswith("ami-")]
    if images:
        with not_urgent("forget the SBOMs of images that have gone", "they stay in Prefect"):
            ask(of_image.forget, images)
