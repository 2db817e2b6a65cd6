"""Scope: what is about one target group, and whose leases must be known before it is acted on."""

from collections.abc import Callable, Iterable

from spotkiln import tags as t
from spotkiln.bake.image import ImageState
from spotkiln.keep.action import Action
from spotkiln.keep.facts import Facts, Owned, Snapshot


def _owned(facts: Facts) -> list[Owned | Snapshot]:
    return [*facts.snapshots, *facts.parts, *facts.security_groups]


def belongs(facts: Facts) -> dict[str, str]:
    """The name of the target group for which each thing was made, by id; empty if it does not tell.
    A member of a fleet has its fleet's."""
    fleets = {fleet.id: fleet.tags.get(t.TARGET_GROUP, "") for fleet in facts.fleets}
    found = {
        **{one.id: one.tags.get(t.TARGET_GROUP, "") for one in facts.images},
        **{
            one.id: one.tags.get(t.TARGET_GROUP, "") or fleets.get(one.fleet, "")
            for one in facts.instances
        },
        **{one.id: one.target_group for one in _owned(facts)},
        **fleets,
    }
    groups = {one.takedown.release: one.group_name for one in facts.takedowns}
    groups |= {one.release: one.group_name for one in facts.hand_overs}
    return found | groups | {one.name: one.name for one in facts.previews}


def concerns(target_group: str, facts: Facts) -> Callable[[Action], bool]:
    """Whether an action is about what was made for a target group. What does not tell its target
    group, such as a key pair, counts as well."""
    of = belongs(facts)
    return lambda action: all(of.get(name, "") in {"", target_group} for name in action.ids)


def groups_to_ask(facts: Facts, actions: Iterable[Action], target_group: str) -> set[str] | None:
    """The target groups, by name, on which the releases have their leases that these actions are
    about, if they may be those of others than `target_group`; None if that cannot be told.

    Things of a release tell its target group, even if some of them do not. A layer is used by all
    environments of its application.
    """
    of = belongs(facts)
    made = {one.id: one.tags.get(t.RELEASE, "") for one in facts.instances}
    made |= {one.id: one.release for one in facts.fleets}
    made |= {one.id: one.release for one in facts.images}
    made |= {one.id: one.release for one in (*_owned(facts), *facts.key_pairs)}
    layers = {one.id for one in facts.images if one.state is ImageState.LAYER}
    groups = {release: of[name] for name, release in made.items() if release and of.get(name)}
    ids = {name for action in actions for name in action.ids}
    if ids & layers:
        return None
    asked = {of.get(name, "") or groups.get(made.get(name, ""), "") for name in ids}
    return None if "" in asked else {target_group, *asked}
