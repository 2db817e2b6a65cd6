"""Finds what one command needs: the image that serves, and what its servers are launched with."""

from pathlib import Path

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.bake.instance_types import runs_of
from spotkiln.aws.bake.mounts import find_mounts
from spotkiln.aws.bake.network import network_of
from spotkiln.aws.serve.serving import serving_at
from spotkiln.aws.session import Aws
from spotkiln.bake.architectures import that_run
from spotkiln.bake.configuration import require_profile
from spotkiln.bake.errand import Errand, script_of
from spotkiln.bake.image import Image
from spotkiln.bake.infra import TargetGroup
from spotkiln.bake.mounts import require_mounts_of, user_data_of
from spotkiln.bake.own import TASK
from spotkiln.bake.packer import find_packer
from spotkiln.errors import InputError
from spotkiln.release.command import CommandSpec


def _serving_image(aws: Aws, app: str, group: TargetGroup) -> Image:
    fleets = serving_at(aws, group)
    if not fleets:
        raise InputError(f"nothing of {app} serves {group.name} yet: release it first")
    image = images.describe(aws, fleets[0].image)
    if image is None or not image.available:
        raise InputError(
            f"image {fleets[0].image}, which serves {group.name}, is gone: release {app} again"
        )
    if image.app != app:
        raise InputError(f"expected {app} to serve {group.name}, it is {image.app or 'not known'}")
    return image


def find_errand(aws: Aws, spec: CommandSpec, owner: str, run: str, folder: Path) -> Errand:
    """`owner` is the id that owns what is made by the flow run `run`.

    Raises:
        InputError: nothing serves, or something is not there; nothing has been spent.
    """
    find_packer()
    names, build = spec.infra, spec.build
    require_profile(spec.configuration, names.instance_profile)
    group = aws_infra.target_group(aws, names.target_group)
    image = _serving_image(aws, spec.app, group)
    build = that_run(build, runs_of(aws, build.every_type), image.architecture)
    if names.instance_profile:
        aws_infra.instance_profile(aws, names.instance_profile)
    marks = t.release_tags(
        app=spec.app,
        release=owner,
        run=run,
        commit=image.commit,
        target_group=group.name,
        own=names.tags,
    )
    subnets = network_of(aws, names, build, group).builders
    groups = aws_infra.security_groups(aws, group.vpc, names.security_groups)
    mounts = find_mounts(aws, names.mounts, subnets, groups)
    require_mounts_of(image, mounts)
    return Errand(
        owner=owner,
        app=spec.app,
        image=image.id,
        login=image.login,
        script=script_of(spec.command),
        seconds=spec.seconds,
        tags={**marks, t.ROLE: TASK},
        builder=build,
        region=aws.region,
        vpc=group.vpc,
        subnets=subnets,
        groups=groups,
        profile=names.instance_profile,
        configuration=spec.configuration.user_data + user_data_of(mounts),
        folder=folder,
    )
