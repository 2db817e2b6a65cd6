"""Looks up the infrastructure: whatever is wrong with it is found before money is spent."""

import os
from collections.abc import Callable, Iterable
from functools import partial

from spotkiln.aws.bake import elsewhere
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.bake.configuration import find_configuration, find_if_possible
from spotkiln.aws.bake.further import find_further
from spotkiln.aws.bake.keys import check_spot_builders
from spotkiln.aws.bake.mounts import find_mounts
from spotkiln.aws.bake.secrets import read_secrets
from spotkiln.aws.bake.sharing import check_sharing
from spotkiln.aws.lasting import require_lasting
from spotkiln.aws.serve.ingress import require_open_to_each_other
from spotkiln.aws.serve.signals import alarms
from spotkiln.aws.session import Aws, connect, resolve_region
from spotkiln.bake.builder import require_public_address
from spotkiln.bake.configuration import require_profile
from spotkiln.bake.disk import Disk
from spotkiln.bake.elsewhere import Elsewhere
from spotkiln.bake.fit import check_fit
from spotkiln.bake.image import Image, newest
from spotkiln.bake.infra import BaseImage, Infra, require_apart
from spotkiln.bake.logs import require_role_for
from spotkiln.bake.packer import find_packer
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.attributes import types_in_words
from spotkiln.serve.order import require_a_subnet_a_zone
from spotkiln.serve.traffic import require_smoke_listener


def look_up_infra(spec: ReleaseSpec, image: Image | None, say: Callable[[str], None]) -> Infra:
    """Find everything by name, and check that it fits together. With an `image` that is there
    already, neither Packer nor a base image nor a builder is needed.

    A configuration that nobody can look at now does not hinder what needs no bake.

    Raises:
        InputError: with what was expected, what was found and what to do.
    """
    require_profile(spec.configuration, spec.infra.instance_profile)
    require_role_for(spec.infra.logs, spec.infra.instance_profile)
    if image is None:
        builders = spec.build.instance_profile
        require_apart(spec.infra, builders, spec.configuration, spec.test_configuration)
    version = "" if image else f"; Packer {_require_packer(spec)}"
    aws = connect(resolve_region(spec.infra.region))
    require_lasting(aws, say)
    there = None if image else spec.images.take_from
    if image is None and there is None:
        # To see that they are there. They are read again when they are needed.
        read_secrets(aws, spec.build.secrets, os.environ)
    infra = _look_up_elsewhere(aws, spec, there) if there else _look_up(aws, spec, image)
    check_fit(spec.app, infra.target_group)
    require_a_subnet_a_zone(spec.fleet, infra)
    if spec.infra.also_behind:
        further = find_further(aws, spec.infra, infra.target_group, infra.zones)
        infra = infra.model_copy(update={"also": further})
    _require_signals(aws, spec, infra)
    find = partial(find_if_possible, say=say) if image else find_configuration
    infra = infra.model_copy(
        update={
            "configuration": find(aws, spec.configuration),
            "mounts": find_mounts(aws, spec.infra.mounts, infra.subnets, infra.security_groups),
        }
    )
    if image is None:
        tests = find_configuration(aws, spec.test_configuration)
        infra = infra.model_copy(update={"test_configuration": tests})
    start = (
        f"base image {' and '.join(map(str, infra.bases))}"
        if image is None
        else (f"image {image.name} ({' and '.join(image.ids)})")
    )
    say(
        f"{infra.region}, account {infra.account}: target group {infra.target_group.name} behind "
        f"{infra.load_balancer} in {', '.join(infra.zones)}; "
        f"{start}{version}"
    )
    for one in infra.also:
        say(f"its servers join {one.name}, too, on port {one.port}")
    for doubt in _doubts(aws, spec, infra):
        say(doubt)
    if infra.template:
        say(infra.template.in_words)
    if infra.types:
        say(f"{spec.fleet.attributes} have {types_in_words(infra.types)}")
    for kept in infra.mounts:
        say(f"{kept.folder} is kept on {kept.name} ({kept.source})")
    return infra


def _require_packer(spec: ReleaseSpec) -> str:
    """Its version, in words.

    Raises:
        InputError: there is none that does what is asked for.
    """
    _, version = find_packer()
    require_public_address(spec.build, version)
    return ".".join(map(str, version))


def _look_up(aws: Aws, spec: ReleaseSpec, image: Image | None) -> Infra:
    return aws_infra.look_up(aws, spec.infra, spec.fleet, spec.build, image)


def _look_up_elsewhere(aws: Aws, spec: ReleaseSpec, there: Elsewhere) -> Infra:
    """Where nothing is baked but what has been released elsewhere is copied."""
    app, fleet = spec.app.name, spec.fleet
    bases = elsewhere.find_bases(aws, there, app)
    own = newest([one for one in images.of_app(aws, app) if one.available])
    fleet = fleet.model_copy(update={"disk": _of_copies(fleet.disk, there, bases)})
    # Their snapshots are not here, and what is copied has other ones.
    bases = tuple(one.model_copy(update={"encrypted": ()}) for one in bases)
    trial = own.id if own else ""
    return aws_infra.look_up(aws, spec.infra, fleet, spec.build, bases=bases, trial=trial)


def _of_copies(disk: Disk, there: Elsewhere, bases: Iterable[BaseImage]) -> Disk:
    """The servers' disk, as what is copied makes it: encrypted by the key that is named, or by the
    account's default key if the original is encrypted."""
    if disk.kms_key:
        return disk
    if there.kms_key:
        return disk.model_copy(update={"kms_key": there.kms_key})
    encrypted = any(one.encrypted for one in bases)
    return disk.model_copy(update={"encrypted": True}) if encrypted else disk


def _doubts(aws: Aws, spec: ReleaseSpec, infra: Infra) -> list[str]:
    """What could not be looked at, or should be known.

    Raises:
        InputError: what is baked could not be shared.
    """
    unknown = check_sharing(aws, spec.images.share_with, infra)
    bases = infra.bases if infra.base_image else ()
    if spec.build.spot and bases and not spec.images.take_from:
        unknown += check_spot_builders(aws, bases)
    old = [told for one in bases if (told := one.out_of_date(aws.now()))]
    return [*infra.unchecked, *unknown, *old]


def _require_signals(aws: Aws, spec: ReleaseSpec, infra: Infra) -> None:
    """What is looked at in steps or batches is there, and can be reached.

    Raises:
        InputError: an alarm, a listener or a rule is missing.
    """
    traffic = spec.traffic
    if infra.second or traffic.batches:
        alarms(aws, traffic.alarms)
    if infra.second:
        require_smoke_listener(traffic, infra)
    elif traffic.batches and traffic.check:
        require_open_to_each_other(aws, infra)
