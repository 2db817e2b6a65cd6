"""Find, bake, test, promote and discard images."""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from prefect import task

from spotkiln import tags as t
from spotkiln.aws import fleet as aws_fleets
from spotkiln.aws import image as images
from spotkiln.aws.builder import builder_access, remove_access
from spotkiln.aws.discard import (
    discard,
    discard_builders,
    discard_release,
    discard_snapshots,
    tidy,
)
from spotkiln.aws.session import Aws, connect
from spotkiln.bake import bake_variables, image_tags, test_variables
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.image import Image, ImageState, discardable, image_name, superseded
from spotkiln.infra import Infra
from spotkiln.junit import TestReport, read_report, require_green
from spotkiln.noun import Noun
from spotkiln.packer import PackerRun, artifact_of
from spotkiln.recipe import Recipe
from spotkiln.release import ReleaseSpec
from spotkiln.reuse import Reuse, reuse
from spotkiln.source import Source
from tasks.packer import endpoint, run_template
from tasks.step import CLOCK, STEP, say, tried_before


class Job(Noun):
    """What the image steps of one release share. `tags` are what everything of it carries;
    `folder` is the run's own."""

    release: str
    spec: ReleaseSpec
    infra: Infra
    source: Source
    recipe: Recipe
    tags: dict[str, str]
    folder: Path

    @property
    def image_name(self) -> str:
        return image_name(self.spec.app.name, self.source.commit, self.release)

    def access(self, aws: Aws, *, last: bool) -> AbstractContextManager[dict[str, str]]:
        """How the builders of this release are reached, until the block of the last one ends."""
        cidrs = self.spec.build.ssh_source_cidrs
        vpc = self.infra.vpc
        return builder_access(
            aws, self.release, vpc, cidrs, self.tags, CLOCK, again=tried_before(), last=last
        )


@task(name="find image", task_run_name="1 look up: image", **STEP)
def find_image(job: Job) -> Reuse:
    """A released image of the same recipe that is still there, or why there is none."""
    app = job.spec.app.name
    found = reuse(job.recipe, app, images.of_app(connect(job.infra.region), app))
    say(str(found))
    return found


def _of_earlier_try(aws: Aws, job: Job) -> str | None:
    """The image that an earlier try completed; what it left half done is cleared away."""
    made = images.of_release(aws, job.release, job.image_name)
    done = next((one.id for one in made if one.available and one.recipe), None)
    if done:
        say(f"image {done} was baked by an earlier try")
    else:
        discard_release(aws, job.release, job.image_name, CLOCK, say)
    return done


@task(name="bake image", task_run_name="2 bake: image", **STEP)
def packer_build(job: Job) -> Image:
    """Bake the candidate. Tried again, it takes what an earlier try completed, or clears it away.

    Raises:
        BuildFailed: dependencies or assets; UnitFailed: units that systemd refuses.
        InfrastructureError: anything else.
    """
    aws = connect(job.infra.region)
    name = job.image_name
    folder = job.folder / "bake"
    manifest = folder / "manifest.json"
    tags = image_tags(job.tags, job.recipe)
    image_id = _of_earlier_try(aws, job) if tried_before() else None
    if image_id is None:
        with job.access(aws, last=False) as access:
            variables = bake_variables(
                app=job.spec.app,
                infra=job.infra,
                build=job.spec.build,
                source=job.source,
                name=name,
                tags=tags,
                manifest=manifest,
                endpoint=endpoint(),
                access=access,
            )
            timeout = job.spec.build.timeout_seconds
            run = run_template("bake", "app.pkr.hcl", variables, folder, timeout)
            if run.exit_code != 0:
                raise run.failure()
        image_id = artifact_of(manifest)
    if image_id is None:
        raise InfrastructureError(
            "Packer ended well but left no artifact of this run in its manifest; see its output"
        )
    image = images.describe(aws, image_id)
    if image is None or not image.available:
        raise InfrastructureError(f"image {image_id} was baked but EC2 does not show it as ready")
    images.require_token(aws, image.id)
    say(f"baked {image.id} ({image.name})")
    return image.with_tags(**{**tags, **image.tags})


@task(name="test in image", task_run_name="3 test: in the image", **STEP)
def test_in_image(job: Job, image: Image) -> TestReport:
    """Boot that very image, wait for its unit, run the tests in it, keep nothing of the machine.

    Raises:
        TestsFailed: red tests, or none; UnitFailed: it does not answer on its health path;
        BuildFailed: the test dependencies cannot be installed.
        InfrastructureError: anything else.
    """
    aws = connect(job.infra.region)
    folder = job.folder / "test"
    report = job.folder / "report"
    shutil.rmtree(report, ignore_errors=True)
    report.mkdir(parents=True)
    with job.access(aws, last=True) as access:
        variables = test_variables(
            app=job.spec.app,
            infra=job.infra,
            build=job.spec.build,
            image=image,
            tags=job.tags,
            report=report,
            endpoint=endpoint(),
            access=access,
        )
        timeout = job.spec.build.timeout_seconds
        run = run_template("test", "test.pkr.hcl", variables, folder, timeout)
        if run.exit_code != 0:
            raise _test_failure(run, report)
    code = report / "exit-code"
    # Packer also exits with 0 when it has done nothing.
    if not code.is_file() or code.read_text().strip() != "0":
        raise InfrastructureError("Packer ended well but the tests' exit code did not come home")
    result = read_report(report / "junit.xml")
    require_green(result)
    snapshots = list(image.snapshots)
    images.tag(aws, [image.id, *snapshots], {t.STATE: ImageState.TESTED})
    say(f"tested {image.id}: {result}")
    return result


def _test_failure(run: PackerRun, report: Path) -> SpotkilnError:
    """The report's own words where there are any: the failing examples by name."""
    failure = run.failure()
    junit = report / "junit.xml"
    if junit.is_file() and junit.stat().st_size and not isinstance(failure, InfrastructureError):
        try:
            require_green(read_report(junit))
        except SpotkilnError as error:
            return error
    return failure


@task(name="promote image", task_run_name="5 retire: keep image as a version", **STEP)
def mark_released(image: Image, when: str) -> None:
    """From now on it is a kept version."""
    images.tag(connect(image.region), [image.id, *image.snapshots], {t.RELEASED: when})


@task(name="discard image", task_run_name="undo: discard image", **STEP)
def discard_image(job: Job) -> list[str]:
    """Undo the image steps at whatever point they were: builders, a candidate, a tested image
    that was never released. One that was reused stays, unless it has been rejected; a rejected
    one stays if it shall be kept to be looked at, or if what serves was made of it.
    """
    aws = connect(job.infra.region)
    gone = discard_builders(aws, job.release, say)
    remove_access(aws, job.release, job.infra.vpc, CLOCK)
    baked = images.of_release(aws, job.release, job.image_name)
    reused = images.of_recipe(aws, job.recipe.digest)
    for image in discardable({x.id: x for x in (*baked, *reused)}.values(), job.release, used(aws)):
        gone += discard(aws, image, CLOCK, say)
    return gone + discard_snapshots(aws, job.release)


@task(name="discard image", task_run_name="undo: discard image", **STEP)
def discard_rejected(image: Image) -> list[str]:
    """Undo the use of an image that an earlier release made: it stays, unless it has been
    rejected and shall not be kept to be looked at."""
    aws = connect(image.region)
    now = images.describe(aws, image.id)
    if now is None or now.state is not ImageState.REJECTED:
        return []
    return [
        gone
        for one in discardable([now], now.release, used(aws))
        for gone in discard(aws, one, CLOCK, say)
    ]


@task(name="reject image", task_run_name="4 launch: reject image", **STEP)
def reject_image(image: Image, *, keep: bool) -> None:
    """A verdict on its health: it is never used again. Undoing removes it, unless `keep`."""
    marks = {t.STATE: str(ImageState.REJECTED)} | ({t.KEEP: "rejected"} if keep else {})
    images.tag(connect(image.region), [image.id, *image.snapshots], marks)


def used(aws: Aws) -> set[str]:
    """The images of fleets that are still there."""
    return {fleet.image for fleet in aws_fleets.listing(aws) if not fleet.gone}


@task(name="prune versions", task_run_name="5 retire: prune versions", **STEP)
def prune_versions(region: str, app: str, keep: int) -> list[str]:
    """Discard released images beyond the newest `keep`, but none that a fleet still uses:
    without its image a fleet could replace nothing."""
    aws = connect(region)
    versions = images.of_app(aws, app)
    if not superseded(versions, keep, set()):
        return []
    gone: list[str] = []
    for image in superseded(versions, keep, used(aws)):
        gone += tidy(aws, image, CLOCK, say)
    return gone
