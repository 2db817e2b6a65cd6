"""Finds what serves a target group and is not ours, and marks what is adopted."""

from collections.abc import Callable

from spotkiln.aws.bake.infra import target_groups
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra, TargetGroup
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.foreign import Foreign, adoption_tags, in_words, sort_out
from spotkiln.target import Health

LEAVING = {Health.DRAINING, Health.UNHEALTHY_DRAINING}


def look(aws: Aws, group: TargetGroup) -> Foreign:
    """What serves the target group and is not ours. An instance that drains does not serve."""
    each = launchers(aws)
    every = each.listing()
    registered = [x.instance for x in targets.health(aws, group.arn).values() if _serves(x.health)]
    found = each.claimed(instances.by_id(aws, registered))
    tagged = {one.fleet for one in found}
    # Our own fleets are asked only where AWS has left one of these without its mark.
    asked = every if "" in tagged else [one for one in every if one.phase is None]
    members = {
        fleet.id: each.members(fleet)
        for fleet in asked
        if fleet.id in tagged or (fleet.live and group.arn in fleet.target_groups)
    }
    foreign = {x.id for x in every if x.phase is None and x.id in members}
    elsewhere: dict[str, list[str]] = {}
    if foreign:
        for other in target_groups(aws):
            if other.arn != group.arn:
                for name in targets.health(aws, other.arn):
                    elsewhere.setdefault(name, []).append(other.name)
    return sort_out(group.arn, every, members, found, elsewhere)


def find_foreign(aws: Aws, infra: Infra, say: Callable[[str], None]) -> Foreign:
    """The same, and what becomes of it is said."""
    found = look(aws, infra.target_group)
    for line in in_words(found, adopt=infra.adopt):
        say(f"not ours: {line}")
    return found


def _serves(health: Health) -> bool:
    return health not in LEAVING


def adopt(aws: Aws, fleet: Fleet, release: str, target_group: str) -> None:
    """Mark a fleet as adopted by a release, before its retirement begins. `target_group` is a
    name."""
    launchers(aws).mark(fleet, adoption_tags(release, target_group))
