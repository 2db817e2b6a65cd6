"""Bake, promote, discard and prune base images."""

from contextlib import AbstractContextManager
from pathlib import Path

from prefect import task

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.base import builder_network, source_image
from spotkiln.aws.bake.discard import discard_release, tidy
from spotkiln.aws.bake.instance_types import check_instance_types
from spotkiln.aws.bake.keys import check_spot_builders
from spotkiln.aws.keep.living import read_claims
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.base import (
    BaseSpec,
    base_id,
    base_tags,
    fingerprint_of,
    login_of,
    new_base_name,
    of_line,
    promotion,
    unneeded,
    usable,
)
from spotkiln.bake.builder import Builder, require_public_address
from spotkiln.bake.disk import require_room_for
from spotkiln.bake.failure import base_failure
from spotkiln.bake.image import Image, ImageState, newest
from spotkiln.bake.interpreter import Interpreter, in_words, installed
from spotkiln.bake.packer import find_packer
from spotkiln.bake.recipe import Recipe
from spotkiln.bake.services import installed as services_in
from spotkiln.bake.variables import NewImage, Start, base_bake_variables
from spotkiln.errors import InfrastructureError
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.noun import Noun
from spotkiln.prefect_api.run_list import ended_runs
from spotkiln.tasks.bake.builder import made_image, open_machine
from spotkiln.tasks.bake.contents import forget_contents
from spotkiln.tasks.bake.packer import run_template
from spotkiln.tasks.keep.alive import Owner, living
from spotkiln.tasks.step import CLOCK, STEP, say, tried_before


class BaseJob(Noun):
    """What the steps of one base image's bake share. `id` owns what is made; `folder` is the
    run's own."""

    id: str
    run: str
    spec: BaseSpec
    builder: Builder
    region: str
    source: Image
    vpc: str
    subnets: tuple[str, ...]
    image_name: str
    folder: Path

    @property
    def tags(self) -> t.Tags:
        return base_tags(self.spec.name, self.id, self.run, self.spec.tags)

    @property
    def login(self) -> str:
        """Whom machines of its image let in by SSH."""
        return login_of(self.spec, self.source, self.builder.ssh_username)


class Baked(Noun):
    """`has`: its interpreters; `services`: those that tests may have; `listing`: its packages, as
    its builder has listed them; `login`: whom it lets in."""

    image: Image
    fingerprint: Recipe
    has: dict[Interpreter, str] = {}  # noqa: RUF012 - pydantic copies defaults
    services: tuple[str, ...] = ()
    listing: str = ""
    login: str = ""


@task(name="look up source image", **STEP)
def look_up_source(spec: BaseSpec, builder: Builder, run: str, folder: Path) -> BaseJob:
    """Find what the base is made from, and where; nothing is spent yet.

    Raises:
        InputError: with what was expected, what was found and what to do.
    """
    require_public_address(builder, find_packer()[1])
    aws = connect(resolve_region(spec.region))
    source = source_image(aws, spec.source_image, spec.source_owner)
    check_instance_types(aws, builder.every_type, source.architecture)
    require_room_for(builder.disk, source.root_gib, "builder.disk", source.name)
    if builder.spot:
        for doubt in check_spot_builders(aws, [source]):
            say(doubt)
    vpc, subnets = builder_network(aws, builder.subnet)
    owner = base_id(run)
    say(f"{aws.region}: {spec.name} from {source.name} ({source.id}), in {subnets[0]} of {vpc}")
    return BaseJob(
        id=owner,
        run=run,
        spec=spec,
        builder=builder,
        region=aws.region,
        source=source,
        vpc=vpc,
        subnets=subnets,
        image_name=new_base_name(spec, owner, aws.now()),
        folder=folder,
    )


def alive(job: BaseJob) -> AbstractContextManager[Heartbeat]:
    """For as long as the block runs, reconcile leaves alone what this bake makes."""
    return living(
        Owner(
            id=job.id,
            run=job.run,
            region=job.region,
            vpc=job.vpc,
            builder=job.builder,
            tags=job.tags,
        )
    )


@task(name="bake base image", **STEP)
def bake_base(job: BaseJob) -> Baked:
    """Bake a candidate, and read what is in it. Tried again, it begins anew.

    Raises:
        BuildFailed: the packages could not be had.
        InfrastructureError: anything else.
    """
    aws = connect(job.region)
    folder = job.folder / "bake"
    manifest, packages = folder / "manifest.json", folder / "packages"
    if tried_before():
        discard_release(aws, job.id, job.image_name, CLOCK, say)
    machine = open_machine(
        aws,
        job.builder,
        job.id,
        vpc=job.vpc,
        subnets=job.subnets,
        login=job.login,
        tags=job.tags,
    )
    tags = {**job.tags, t.STATE: ImageState.CANDIDATE}
    new = NewImage(name=job.image_name, tags=tags, manifest=manifest)
    variables = base_bake_variables(machine, new, job.spec, Start.of(job.source), packages)
    run = run_template(
        "bake",
        "base.pkr.hcl",
        variables,
        folder,
        job.builder.timeout_seconds,
        places=machine.places,
    )
    if run.exit_code != 0:
        raise base_failure(run, job.spec.name)
    image = made_image(aws, manifest, "base image")
    if not packages.is_file():
        raise InfrastructureError(
            "Packer ended well, but the list of the base image's packages did not come home; "
            "see its output"
        )
    listed = packages.read_text()
    fingerprint, has = fingerprint_of(listed, job.spec), installed(listed)
    say(f"baked {image.id} ({image.name}), fingerprint {fingerprint.digest[:12]}")
    say(f"it has {in_words(has)}")
    services = services_in(listed)
    return Baked(
        image=image,
        fingerprint=fingerprint,
        has=has,
        services=services,
        listing=listed,
        login=job.login,
    )


@task(name="find current base image", **STEP)
def find_current_base(job: BaseJob) -> Image | None:
    """What applications are baked on now."""
    found = images.by_name(connect(job.region), f"{job.spec.name}*")
    return newest(usable(of_line(found, job.spec.name)))


@task(name="promote base image", **STEP)
def promote_base(job: BaseJob, baked: Baked) -> Image:
    """From now on applications are baked on it."""
    marks = promotion(baked.fingerprint, baked.has, job.login, baked.services)
    images.tag(connect(job.region), [baked.image.id, *baked.image.snapshots], marks)
    say(f"{baked.image.id} is the current {job.spec.name}")
    return baked.image.with_tags(**{**job.tags, **marks})


@task(name="discard base image", **STEP)
def discard_base(job: BaseJob) -> list[str]:
    """Whatever the bake made, at whatever point it was, unless it was promoted."""
    aws = connect(job.region)
    made = images.of_release(aws, job.id, job.image_name)
    if any(one.state is ImageState.BASE for one in made):
        return []
    return discard_release(aws, job.id, job.image_name, CLOCK, say)


@task(name="prune base images", **STEP)
def prune_bases(job: BaseJob) -> list[str]:
    """Discard the bases that nothing needs any more. None while a release lives: it may have
    looked its base up, and not have baked yet."""
    aws = connect(job.region)
    # Read before the images: whoever starts later finds the current base.
    if releasing := read_claims(aws, ended_runs).living:
        say(f"no base image is pruned now: {', '.join(sorted(releasing))} may need one")
        return []
    gone: list[str] = []
    for base in unneeded(images.by_name(aws, "*"), job.spec.name):
        gone += tidy(aws, base, CLOCK, say)
    forget_contents(gone)
    return gone
