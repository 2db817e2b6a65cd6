"""Finds what serves a target group and is not ours, and marks what is adopted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from spotkiln.aws.bake.infra import target_groups
from spotkiln.aws.dryrun import dry_run
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra, TargetGroup
from spotkiln.errors import PermissionDenied
from spotkiln.release.parts import advice
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.foreign import Foreign, adopted, adoption_tags, in_words, sort_out
from spotkiln.statement import ADOPTION
from spotkiln.target import Health

LEAVING = {Health.DRAINING, Health.UNHEALTHY_DRAINING}


def look(
    aws: Aws,
    group: TargetGroup,
    also: Sequence[TargetGroup] = (),
    seen: Sequence[Fleet] | None = None,
) -> Foreign:
    """What serves the target group, or one of the further ones, and is not ours. An instance that
    drains does not serve. `seen` are all fleets, if they were just looked at."""
    each, arns = launchers(aws), {one.arn for one in (group, *also)}
    every = each.listing() if seen is None else list(seen)
    known = [x for arn in sorted(arns) for x in targets.health(aws, arn).values()]
    registered = list(dict.fromkeys(x.instance for x in known if _serves(x.health)))
    found = each.claimed(instances.by_id(aws, registered))
    tagged = {one.fleet for one in found}
    # Our own fleets are asked only where AWS has left one of these without its mark.
    asked = every if "" in tagged else [one for one in every if one.phase is None]
    members = {
        fleet.id: each.members(fleet)
        for fleet in asked
        if fleet.id in tagged or (fleet.live and arns & {*fleet.target_groups})
    }
    foreign = {x.id for x in every if x.phase is None and x.id in members}
    elsewhere: dict[str, list[str]] = {}
    if foreign:
        for other in target_groups(aws):
            if other.arn not in arns:
                for name in targets.health(aws, other.arn):
                    elsewhere.setdefault(name, []).append(other.name)
    return sort_out(group.arn, every, members, found, elsewhere, arns)


def find_foreign(
    aws: Aws, infra: Infra, say: Callable[[str], None], seen: Sequence[Fleet] | None = None
) -> Foreign:
    """The same, and what becomes of it is said.

    Raises:
        PermissionDenied: some of it is to be adopted, and its servers may not be ended.
    """
    found = look(aws, infra.target_group, infra.also, seen)
    for line in in_words(found, adopt=infra.adopt):
        say(f"not ours: {line}")
    for fleet in found.adoptable if infra.adopt else ():
        _try_to_end(aws, fleet)
    return found


def _try_to_end(aws: Aws, fleet: Fleet) -> None:
    """A dry run, before anything is spent. What begins an adoption can't be tried: Auto Scaling has
    no dry runs. Whoever has one of its rights has all of them."""
    servers = [one.id for one in launchers(aws).members(fleet) if one.stays]
    if servers:
        with _of_adoption():
            dry_run(lambda: aws.ec2.terminate_instances(DryRun=True, InstanceIds=servers))


@contextmanager
def _of_adoption() -> Iterator[None]:
    """A refusal says what gives the right."""
    try:
        yield
    except PermissionDenied as error:
        raise PermissionDenied(f"{error}. {advice((ADOPTION,))}") from error


def _serves(health: Health) -> bool:
    return health not in LEAVING


def adopt(aws: Aws, fleet: Fleet, release: str, target_group: str) -> Fleet:
    """Mark a fleet as adopted by a release, before its retirement begins; as it is then.
    `target_group` is the ARN of the one that it counts for."""
    with _of_adoption():
        launchers(aws).mark(fleet, adoption_tags(release, target_group, fleet))
    return adopted(fleet, release, target_group)
