"""Looks up the infrastructure: whatever is wrong with it is found before money is spent."""

from collections.abc import Callable

from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra, check_fit
from spotkiln.bake.packer import find_packer
from spotkiln.release.release import ReleaseSpec


def look_up_infra(spec: ReleaseSpec, image: Image | None, say: Callable[[str], None]) -> Infra:
    """Find everything by name, and check that it fits together. With an `image` that is there
    already, neither Packer nor a base image nor a builder is needed.

    Raises:
        InputError: with what was expected, what was found and what to do.
    """
    names, builder, packer = spec.infra, spec.build.instance_type, ""
    if image:
        # It stands in the base image's place: for its architecture, and in the dry runs.
        names = names.model_copy(update={"base_image": image.name})
        builder = spec.fleet.instance_types[0]
    else:
        _, version = find_packer()
        packer = f"; Packer {'.'.join(map(str, version))}"
    aws = connect(resolve_region(names.region))
    infra = aws_infra.look_up(aws, names, spec.fleet, builder)
    check_fit(spec.app, infra.target_group)
    say(
        f"{infra.region}, account {infra.account}: target group {infra.target_group.name} behind "
        f"{infra.load_balancer} in {', '.join(infra.zones)}; "
        f"{'image' if image else 'base image'} {infra.base_image.name} "
        f"({infra.base_image.id}){packer}"
    )
    return infra
