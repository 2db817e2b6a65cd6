"""Checks of the rights of the roles that a deployment names."""

from spotkiln.aws.release import rights as simulating
from spotkiln.aws.session import Aws
from spotkiln.errors import InputError
from spotkiln.release.parts import used
from spotkiln.release.release import ReleaseSpec
from spotkiln.release.rights import Names


def servers_rights(aws: Aws, spec: ReleaseSpec) -> str:
    """That its servers may leave each of their target groups, as IAM simulates it."""
    if not spec.infra.instance_profile:
        raise InputError(
            "infra.instance_profile is empty: before EC2 takes a server back it cannot leave its "
            "target groups"
        )
    names = names_of(spec)
    missing, unknown = simulating.simulate_servers(aws, names)
    if missing:
        raise InputError(
            f"not allowed to the role of {spec.infra.instance_profile}, in each of "
            f"{', '.join(names.target_groups)}: {', '.join(missing)}; `spotkiln docs aws` says "
            "what it is for; a stack gives it by `spotkiln account apply --set AlsoBehind=…`, "
            "and to write a log group by `--set LogGroups=…`"
        )
    logs = f" and write {names.log_group}" if names.log_group else ""
    return unknown or f"they may leave {', '.join(names.target_groups)}{logs}, as IAM simulates it"


def fleets_rights(aws: Aws, spec: ReleaseSpec) -> str:
    """What the launcher may do with the role that it launches with, as IAM simulates it."""
    missing, unknown = simulating.simulate_role(aws, names_of(spec))
    if missing:
        raise InputError(
            f"not allowed to {spec.infra.fleet_role}: {', '.join(missing)}; "
            "`spotkiln docs aws` says what it must hold"
        )
    return unknown or "all that a fleet does is allowed, as IAM simulates it"


def names_of(spec: ReleaseSpec, *, previews: bool = False) -> Names:
    profiles = spec.build.instance_profile, spec.infra.test_instance_profile
    return Names(
        fleet_role=spec.infra.fleet_role,
        target_group=spec.infra.target_group,
        second_target_group=spec.infra.second_target_group,
        also_behind=tuple(spec.infra.also_behind),
        instance_profile=spec.infra.instance_profile,
        launcher=spec.fleet.launcher,
        parts=used(spec, previews=previews),
        other_profiles=tuple(filter(None, profiles)),
        build_secrets=tuple(spec.build.secrets.values()),
        log_group=spec.infra.logs.group,
    )
