"""The steps that find, bake, test, promote and discard images."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from prefect import task

from spotkiln import tags as t
from spotkiln.aws.bake import blame as blaming
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import reuse as reusing
from spotkiln.aws.bake.builder import delete_group
from spotkiln.aws.bake.discard import discard_bake, discard_release
from spotkiln.aws.bake.secrets import read_secrets
from spotkiln.aws.keep import prune as pruning
from spotkiln.aws.keep.deprecate import give_dates
from spotkiln.aws.keep.promotion import write_down
from spotkiln.aws.keep.share import share_images
from spotkiln.aws.session import Aws, connect
from spotkiln.bake.builder import Machine
from spotkiln.bake.failure import bake_failure, green_report, test_failure
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.infra import Infra
from spotkiln.bake.junit import TestReport
from spotkiln.bake.layer import Layered
from spotkiln.bake.reuse import Reuse
from spotkiln.bake.secrets import handed_over, in_memory
from spotkiln.bake.units import write_files
from spotkiln.bake.variables import NewImage, Start, bake_variables, image_tags, test_variables
from spotkiln.release.job import Job
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.fleet import Fleet
from spotkiln.tasks.bake.builder import made_image, open_machine, ready_image
from spotkiln.tasks.bake.contents import forget_contents
from spotkiln.tasks.bake.packer import early, from_packer, run_template
from spotkiln.tasks.step import CLOCK, STEP, not_urgent, say, tried_before

Ready = Callable[[Image], object]
Green = Callable[[TestReport], object]


def _machine(aws: Aws, job: Job) -> Machine:
    infra = job.infra
    return open_machine(
        aws,
        job.builder,
        job.release,
        vpc=infra.vpc,
        subnets=infra.builder_subnets,
        login=infra.base.login,
        tags=job.tags,
        second=job.second,
    )


@task(name="find image", task_run_name="1 look up: image", **STEP)
def find_image(job: Job, current: list[Fleet]) -> Reuse:
    """A released image of the same recipe, or why there is none."""
    return reusing.find_image(connect(job.infra.region), job, current, say)


def _of_earlier_try(aws: Aws, job: Job) -> str | None:
    """The image that an earlier try completed; what it left half done is cleared away."""
    made = images.named(aws, job.image_name)
    done = next((one.id for one in made if one.available and one.recipe), None)
    if done:
        say(f"image {done} was baked by an earlier try")
    elif job.second or job.twin:
        # Beside it the other image may be there, or is just baked.
        discard_bake(aws, job.release, job.image_name, job.second, CLOCK, say)
    else:
        discard_release(aws, job.release, job.image_name, CLOCK, say)
    return done


def _start(aws: Aws, job: Job, layered: Layered) -> Start:
    """The image that the bake starts from: a layer may have gone meanwhile."""
    if layered.image is None:
        return Start.of(job.infra.base)
    found = images.describe(aws, layered.image.id)
    if found and found.available:
        return Start.of(found)
    say(f"layer {layered.image.id} has gone meanwhile: baking without it")
    return Start.of(job.infra.base)


@task(name="bake image", task_run_name="2 bake: image", **STEP)
def packer_build(job: Job, layered: Layered, ready: Ready | None = None) -> Image:
    """Bake the candidate, from its layer if that is there. Tried again, it takes what an earlier
    try completed, or clears it away. `ready` is given the image once, before Packer has taken its
    machine away, if that can be told.

    Raises:
        BuildFailed: dependencies or assets; UnitFailed: units that systemd refuses.
        InfrastructureError: anything else.
    """
    aws = connect(job.infra.region)
    tags = image_tags(job.tags, job.recipe, job.source, job.infra.base.login)
    tags |= layered.tags
    done = _of_earlier_try(aws, job) if tried_before() else None
    image = ready_image(aws, done) if done else _bake(aws, job, layered, tags, ready)
    say(f"baked {image.id} ({image.name})")
    return image.with_tags(**{**tags, **image.tags})


def _bake(aws: Aws, job: Job, layered: Layered, tags: dict[str, str], ready: Ready | None) -> Image:
    folder = job.folder / "bake"
    manifest = folder / "manifest.json"
    new = NewImage(name=job.image_name, tags=tags, manifest=manifest)
    units = write_files(job.source.app, job.folder / "units")
    build, start = job.builder, _start(aws, job, layered)

    seen: list[Image] = []

    def there() -> None:
        """Packer removes an image that it could not complete before it takes its machine away."""
        for one in images.named(aws, job.image_name):
            if ready and one.available and one.recipe == job.recipe.digest:
                images.require_token(aws, one.id)
                seen.append(one)
                ready(one.with_tags(**{**tags, **one.tags}))

    with in_memory(handed_over(read_secrets(aws, build.secrets, os.environ))) as secrets:
        machine = _machine(aws, job)
        variables = bake_variables(machine, new, job.source, start, units, secrets)
        run = run_template(
            "bake",
            "app.pkr.hcl",
            variables,
            folder,
            build.timeout_seconds,
            places=machine.places,
            heard=early(there) if ready else from_packer,
        )
    if run.exit_code != 0:
        raise bake_failure(run, job.spec.app.name)
    image = seen[0] if seen else made_image(aws, manifest, "image")
    return _told_of_builder(aws, image, run.used)


def _told_of_builder(aws: Aws, image: Image, used: str) -> Image:
    """What it was baked on, where that may be a Spot machine: the release's page tells it."""
    if not used:
        return image
    marks = {t.BAKED_ON: used[: t.MOST_CHARACTERS]}
    with not_urgent("write down what baked the image", "nothing depends on it"):
        images.tag(aws, [image.id], marks)
    return image.with_tags(**marks)


@task(name="test in image", task_run_name="3 test: in the image", **STEP)
def test_in_image(job: Job, image: Image, *, last: bool, green: Green | None = None) -> TestReport:
    """Boot that very image, wait for its unit, run the tests in it, keep nothing of the machine.
    `last`: no other machine of the release needs the way into it. `green` is given the report if
    it is, before Packer has taken its machine away.

    Raises:
        TestsFailed: red tests, or none; UnitFailed: it does not answer on its health path;
        BuildFailed: the test dependencies cannot be installed.
        InfrastructureError: anything else.
    """
    aws = connect(job.infra.region)
    report = job.folder / "report"
    shutil.rmtree(report, ignore_errors=True)
    report.mkdir(parents=True)
    app, group = job.source.app, job.infra.target_group
    profile = job.spec.infra.test_instance_profile
    machine = _machine(aws, job).model_copy(update={"profile": profile})
    variables = test_variables(machine, app, job.infra, image.id, job.tags, report)
    deadline = job.spec.build.test_deadline(app.tested_seconds)
    passed: list[TestReport] = []

    def over() -> None:
        code = report / "exit-code"
        if green and code.is_file() and code.read_text().strip() == "0":
            passed.append(_passed(aws, image, report))
            green(passed[0])

    run = run_template(
        "test",
        "test.pkr.hcl",
        variables,
        job.folder / "test",
        deadline,
        places=machine.places,
        heard=early(over) if green else from_packer,
    )
    if run.exit_code != 0 and not passed:
        raise test_failure(run, report, app, group.health_check)
    if last:
        # Of one that failed, undoing removes the group.
        delete_group(aws, machine.access.security_group, CLOCK)
    return passed[0] if passed else _passed(aws, image, report)


def _passed(aws: Aws, image: Image, report: Path) -> TestReport:
    result = green_report(report)
    images.tag(aws, [image.id, *image.snapshots], {t.STATE: ImageState.TESTED})
    say(f"tested {image.id}: {result}")
    return result


@task(name="promote image", task_run_name="5 retire: keep image as a version", **STEP)
def mark_released(infra: Infra, new: Fleet) -> None:
    """Its image is a version of the target group from its promotion on; what served is one until
    then."""
    write_down(connect(infra.region), infra.target_group.name, new)


@task(name="discard image", task_run_name="undo: discard image", **STEP)
def discard_image(job: Job) -> list[str]:
    """Undo the image steps at whatever point they were."""
    gone = pruning.undo_bake(connect(job.infra.region), job, clock=CLOCK, say=say)
    forget_contents(gone)
    return gone


@task(name="blame image", task_run_name="4 launch: blame image", **STEP)
def blame_image(image: Image, infra: Infra, cause: str, *, keep: bool) -> Image:
    """A verdict on its health; the image as it is marked now."""
    aws, group = connect(infra.region), infra.target_group.name
    return blaming.blame_image(aws, image, group, cause, keep=keep, say=say)


@task(name="prune versions", task_run_name="5 retire: prune versions", **STEP)
def prune_versions(infra: Infra, spec: ReleaseSpec) -> list[str]:
    """Discard what served the target group before its newest versions, and layers that nothing
    needs any more. What stays is dated and shared, as the deployment says."""
    aws, group, app = connect(infra.region), infra.target_group.name, spec.app.name
    versions = images.of_app(aws, app)
    gone, left = pruning.prune_versions(
        aws, versions, group, spec.keep_versions, clock=CLOCK, say=say
    )
    forget_contents(gone)
    gone += pruning.prune_layers(aws, app, clock=CLOCK, say=say)
    later = "the next release tries again"
    with not_urgent("date images", later):
        if spec.images.deprecate_after_days:
            give_dates(aws, left, spec.images.deprecate_after_days, say)
    with not_urgent("share images", later):
        share_images(aws, left, group, spec.images.share_with, say)
    return gone
