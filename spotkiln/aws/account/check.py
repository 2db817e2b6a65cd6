"""What of the account's stack is there, and what the worker's role may do."""

from collections.abc import Callable, Mapping

from spotkiln.account.plan import Requested, also_behind
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.release import rights
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError
from spotkiln.release.parts import ANY_DEPLOYMENT
from spotkiln.release.rights import Names
from spotkiln.serve.spec import LauncherKind

Probe = Callable[[], str]
# What all the others are looked up by.
STACK = "stack"
_NOTHING = Requested()


def look(aws: Aws, stack: str) -> dict[str, Probe]:
    """What is to be looked at, by name; each says what it has found, or raises what is missing."""

    def whole() -> str:
        found, undone = stacks.outputs(aws, stack), stacks.undone(aws, stack)
        rolled_back = f"; its last change was undone: {undone}" if undone else ""
        return f"{len(found)} outputs{rolled_back}"

    def groups() -> str:
        found = stacks.outputs(aws, stack)
        vpc = aws_infra.target_group(aws, found["TargetGroup"]).vpc
        aws_infra.security_groups(aws, vpc, [found["SecurityGroups"]])
        return found["SecurityGroups"]

    def role() -> str:
        found = stacks.outputs(aws, stack)
        names = InfraNames(fleet_role=found["FleetRole"])
        for one in launchers(aws).each:
            one.role(names)
        return found["FleetRole"]

    def target(key: str) -> Probe:
        return lambda: aws_infra.target_group(aws, stacks.outputs(aws, stack)[key]).name

    def further() -> str:
        names = also_behind(stacks.outputs(aws, stack))
        return ", ".join(aws_infra.target_group(aws, name).name for name in names) or "none"

    def profile() -> str:
        name = stacks.outputs(aws, stack)["InstanceProfile"]
        aws_infra.instance_profile(aws, name)
        return name

    return {
        STACK: whole,
        "target group": target("TargetGroup"),
        "second target group": target("IdleTargetGroup"),
        "further target groups": further,
        "security groups": groups,
        "fleet role": role,
        "instance profile": profile,
        "worker's rights": lambda: worker(aws, stack),
        "fleet role's rights": lambda: fleets(aws, stack),
        "servers' rights": lambda: servers(aws, stack),
    }


def worker(aws: Aws, stack: str) -> str:
    """What its role may do with either launcher, for any deployment, with what the stack's
    parameters give it besides, as IAM simulates it.

    Raises:
        InputError: rights are missing, or IAM could not be asked.
    """
    found = stacks.outputs(aws, stack)
    if "WorkerRole" not in found:
        return "another stack has the worker's role"
    besides = Requested.of(stacks.parameters(aws, stack))
    asked = {
        kind: rights.simulate(aws, _names(found, kind, besides), found["WorkerRole"])
        for kind in LauncherKind
    }
    if missing := {one for lacking, _ in asked.values() for one in lacking}:
        raise InputError(
            f"not allowed to {found['WorkerRole']}: {', '.join(sorted(missing))}; "
            f"`spotkiln account apply --stack {stack}` gives it what this version needs"
        )
    unknown = list(dict.fromkeys(reason for _, reason in asked.values() if reason))
    all_of_it = ", ".join(["all that a release does", *besides.parts])
    return _told("; ".join(unknown), f"{all_of_it}: allowed, as IAM simulates it")


def _told(unknown: str, well: str) -> str:
    """What was not looked at is not called good.

    Raises:
        InputError: IAM could not be asked, `unknown` says why.
    """
    if unknown:
        raise InputError(
            f"rights were not checked: {unknown}. Run this with credentials that have "
            "iam:SimulatePrincipalPolicy and iam:GetInstanceProfile"
        )
    return well


def fleets(aws: Aws, stack: str) -> str:
    """What a Spot fleet may do with its role, as IAM simulates it.

    Raises:
        InputError: rights are missing, or IAM could not be asked.
    """
    names = _names(stacks.outputs(aws, stack), LauncherKind.FLEET)
    missing, unknown = rights.simulate_role(aws, names)
    if missing:
        raise InputError(
            f"not allowed to {names.fleet_role}: {', '.join(missing)}; "
            "`spotkiln docs aws` says what it must hold"
        )
    return _told(unknown, "all that a fleet does is allowed, as IAM simulates it")


def servers(aws: Aws, stack: str) -> str:
    """That they may leave each of their target groups, as IAM simulates it.

    Raises:
        InputError: they may not, or IAM could not be asked.
    """
    names = _names(stacks.outputs(aws, stack))
    missing, unknown = rights.simulate_servers(aws, names)
    if missing:
        raise InputError(
            f"not allowed to the servers, in each of {', '.join(names.target_groups)}: "
            f"{', '.join(missing)}; `spotkiln account apply --stack {stack}` gives their role what "
            "this version needs"
        )
    well = f"they may leave {', '.join(names.target_groups)}, as IAM simulates it"
    return _told(unknown, well)


def _names(
    found: Mapping[str, str],
    kind: LauncherKind = LauncherKind.GROUP,
    besides: Requested = _NOTHING,
) -> Names:
    return Names(
        fleet_role=found["FleetRole"],
        target_group=found["TargetGroup"],
        second_target_group=found["IdleTargetGroup"],
        also_behind=also_behind(found),
        instance_profile=found["InstanceProfile"],
        launcher=kind,
        parts=(*ANY_DEPLOYMENT, *besides.parts),
        disk_keys=besides.disk_keys,
    )
