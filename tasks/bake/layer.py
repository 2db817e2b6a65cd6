"""The steps that find, bake and discard a layer. Nothing of it keeps a release from going on: what
cannot be had is done without."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import layer as layers
from spotkiln.aws.bake.discard import discard_release
from spotkiln.aws.bake.secrets import read_secrets
from spotkiln.aws.session import connect
from spotkiln.bake.failure import bake_failure
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.layer import Layer, Layered
from spotkiln.bake.secrets import handed_over, in_memory
from spotkiln.bake.units import write_files
from spotkiln.bake.variables import NewImage, Start, layer_variables
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.release.job import Job
from spotkiln.tasks.bake.builder import made_image, open_machine
from spotkiln.tasks.bake.packer import run_template
from spotkiln.tasks.keep.alive import Owner, living
from spotkiln.tasks.step import CLOCK, STEP, report_failed_undo, say
from spotkiln.undo import UndoStack


@task(name="find layer", task_run_name="2 bake: find layer", **STEP)
def find_layer(job: Job) -> Layered:
    """The layer of the commit's dependencies, or why there is none."""
    found = layers.find_layer(connect(job.infra.region), job)
    say(found.why)
    return found


@contextmanager
def _alone(job: Job, layer: Layer) -> Iterator[Heartbeat]:
    """For as long as the block runs nobody else bakes it; whatever fails, nothing of it is left."""
    owner = Owner(
        id=layer.owner,
        run=job.tags[t.RUN],
        region=job.infra.region,
        vpc=job.infra.vpc,
        builder=job.builder,
        tags=layer.tags(job.tags[t.RUN]),
        alone=True,
    )
    undo = UndoStack(lambda: None, report_failed_undo, lambda what: say(f"undone: {what}"))
    with living(owner) as life, undo:
        undo.later("discard layer", discard_layer, job, layer)
        yield life


@task(name="bake layer", task_run_name="2 bake: layer of dependencies", **STEP)
def packer_layer(job: Job, layer: Layer) -> Image:
    """Bake a candidate.

    Raises:
        BuildFailed: the dependencies command failed with nothing but the lock files.
        InfrastructureError: anything else.
    """
    aws, build, infra = connect(job.infra.region), job.builder, job.infra
    folder = job.folder / "layer"
    manifest = folder / "manifest.json"
    run_id = job.tags[t.RUN]
    machine = open_machine(
        aws,
        build,
        layer.owner,
        vpc=infra.vpc,
        subnets=infra.builder_subnets,
        login=infra.base.login,
        tags=layer.tags(run_id),
    )
    tags, start = layer.image_tags(run_id, infra.base.login), Start.of(infra.base)
    new = NewImage(name=layer.image_name, tags=tags, manifest=manifest)
    units = write_files(job.source.app, job.folder / "units")
    with in_memory(handed_over(read_secrets(aws, build.secrets, os.environ))) as secrets:
        variables = layer_variables(machine, new, job.source, start, units, secrets)
        run = run_template(
            "bake layer",
            "app.pkr.hcl",
            variables,
            folder,
            build.timeout_seconds,
            places=machine.places,
        )
    if run.exit_code != 0:
        raise bake_failure(run, job.spec.app.name)
    return made_image(aws, manifest, "layer")


# A try that failed is not repeated: the image can be baked without it.
packer_layer_once = packer_layer.with_options(retries=0)


@task(name="promote layer", task_run_name="2 bake: keep layer", **STEP)
def promote_layer(job: Job, image: Image) -> Image:
    """From now on bakes start from it."""
    marks = {t.STATE: str(ImageState.LAYER)}
    images.tag(connect(job.infra.region), [image.id, *image.snapshots], marks)
    say(f"baked {image.id} ({image.name}), which later bakes start from")
    return image.with_tags(**marks)


@task(name="discard layer", task_run_name="undo: discard layer", **STEP)
def discard_layer(job: Job, layer: Layer) -> list[str]:
    """Whatever its bake made, at whatever point it was, unless it was promoted."""
    aws = connect(job.infra.region)
    made = images.of_release(aws, layer.owner, layer.image_name)
    if any(one.state is ImageState.LAYER for one in made):
        return []
    return discard_release(aws, layer.owner, layer.image_name, CLOCK, say)


def bake_layer(job: Job, layer: Layer) -> Image:
    """Bake it, by this release alone.

    Raises:
        Taken: another one is at it.
        BuildFailed, InfrastructureError: it could not be baked; nothing of it is left.
    """
    with _alone(job, layer) as life:
        image = packer_layer_once(job, layer)
        life.check()
        return promote_layer(job, image)
