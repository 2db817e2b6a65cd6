"""Look up the infrastructure: everything that can be wrong is found before money is spent."""

from prefect import task

from spotkiln.aws import infra as aws_infra
from spotkiln.aws.session import connect, resolve_region
from spotkiln.infra import Infra, check_fit
from spotkiln.packer import find_packer
from spotkiln.release import ReleaseSpec
from tasks.step import STEP, say


@task(name="look up infrastructure", **STEP)
def look_up_infra(spec: ReleaseSpec) -> Infra:
    """Find everything by name and check that it fits together.

    Raises:
        InputError: with what was expected, what was found and what to do.
    """
    _, version = find_packer()
    aws = connect(resolve_region(spec.infra.region))
    infra = aws_infra.look_up(aws, spec.infra, spec.fleet, spec.build.instance_type)
    check_fit(spec.app, infra.target_group)
    say(
        f"{infra.region}, account {infra.account}: target group {infra.target_group.name} behind "
        f"{infra.load_balancer} in {', '.join(infra.zones)}; base image {infra.base_image.name} "
        f"({infra.base_image.id}); Packer {'.'.join(map(str, version))}"
    )
    return infra
