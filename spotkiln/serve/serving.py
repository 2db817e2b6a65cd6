"""What serves a target group: which fleet is the newest, and what it replaces.

The order is that of promotions, not of requests: a fleet that was asked for early may be promoted
last. A worker may sleep at any point, and wake up after another release was promoted. So a release
retires only what was promoted before its own fleet, and only while its own is the newest.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from spotkiln import tags as t
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import InputError
from spotkiln.serve.fleet import Fleet, Phase, name_of

# Times in tags are not more exact.
TICK = timedelta(milliseconds=1)


def serving(fleets: Iterable[Fleet], target_group: str) -> list[Fleet]:
    """Our fleets that serve a target group (by ARN), the newest promotion first. Only fleets with
    our tags count."""
    ours = [
        fleet
        for fleet in fleets
        if fleet.live and fleet.phase is Phase.SERVING and target_group in fleet.target_groups
    ]
    return sorted(ours, key=lambda fleet: fleet.order, reverse=True)


def newest_serving(fleets: Iterable[Fleet]) -> dict[str, Fleet]:
    """Per target group the fleet that serves: the one of ours that was promoted last."""
    every = list(fleets)
    groups = {group for fleet in every for group in fleet.target_groups}
    found = {group: serving(every, group) for group in sorted(groups)}
    return {group: line[0] for group, line in found.items() if line}


def replaceable(fleets: Iterable[Fleet], target_group: str) -> list[Fleet]:
    """What the next release replaces: all of our fleets that serve or are being retired."""
    return [
        fleet
        for fleet in fleets
        if target_group in fleet.target_groups
        and fleet.phase in {Phase.SERVING, Phase.RETIRING}
        and not fleet.gone
    ]


def retirees(fleets: Iterable[Fleet], target_group: str, new: Fleet) -> list[Fleet]:
    """The fleets that a promoted one replaces: all that were promoted before it."""
    return [
        fleet
        for fleet in replaceable(fleets, target_group)
        if fleet.id != new.id and fleet.order < new.order
    ]


def may_not_retire(fleets: Iterable[Fleet], target_group: str, own: Fleet) -> str:
    """Why a promoted fleet may not retire others; empty if it is the newest that serves.

    AWS may not show its promotion yet. It does show if it was taken away.
    """
    every = list(fleets)
    seen = next((fleet for fleet in every if fleet.id == own.id), None)
    if seen is None:
        return f"{own.id} is not there any more"
    if not seen.live or seen.phase is Phase.RETIRING:
        return f"{own.id} is {seen.status} and {seen.phase} now"
    newer = [one for one in serving(every, target_group) if one.order > own.order]
    return f"{newer[0].id} of {newer[0].release} was promoted after {own.id}" if newer else ""


def outdone(fleet: Fleet, fleets: Iterable[Fleet]) -> bool:
    """Whether a newer fleet serves in each target group of this one. Only then may anybody but its
    own release take it away."""
    newest = newest_serving(one for one in fleets if one.id != fleet.id)
    return bool(fleet.target_groups) and all(
        group in newest and newest[group].order > fleet.order for group in fleet.target_groups
    )


def promoted_meanwhile(
    fleets: Iterable[Fleet], target_group: str, own: Fleet, before: Collection[Fleet]
) -> list[Fleet]:
    """What serves now, is not `own`, and did not serve `before`: another release was promoted in
    the meantime."""
    known = {own.id, *(one.id for one in before)}
    return [one for one in serving(fleets, target_group) if one.id not in known]


def promotion_time(now: datetime, fleets: Iterable[Fleet], target_group: str) -> datetime:
    """When a fleet counts as promoted: now, but in any case after all of ours that were promoted
    there. AWS's dates are exact to a second only."""
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    others = replaceable(fleets, target_group)
    return max([now, *(one.order[0] + TICK for one in others)])


def suspended_by(release: str, fleets: Iterable[Fleet]) -> list[Fleet]:
    """The fleets that serve, and whose scaling this release has suspended."""
    return [
        fleet
        for fleet in fleets
        if fleet.live
        and fleet.phase is Phase.SERVING
        and fleet.suspension
        and fleet.suspension.release == release
    ]


def still_doomed(fleets: Iterable[Fleet], ids: Collection[str]) -> list[Fleet]:
    """Of the fleets that were to be retired, those that still are at a second look. One that was
    promoted in the meantime serves, unless a newer one does."""
    every = list(fleets)
    return [
        fleet
        for fleet in every
        if fleet.id in ids
        and not fleet.gone
        and (fleet.phase is Phase.PENDING or (fleet.phase is not None and outdone(fleet, every)))
    ]


def others_in(
    fleets: Iterable[Fleet], home: TargetGroup, groups: Iterable[TargetGroup]
) -> dict[str, Fleet]:
    """Of these target groups, by name, those in which another deployment's servers are: they are
    known by another one than `home`, and serve, or are about to."""
    every = [one for one in fleets if one.live and one.phase in {Phase.PENDING, Phase.SERVING}]
    return {
        group.name: fleet
        for group in groups
        for fleet in every
        if group.arn in fleet.groups and home.arn not in fleet.target_groups
    }


def require_own(
    fleets: Iterable[Fleet], home: TargetGroup, further: Iterable[TargetGroup] = ()
) -> None:
    """Nobody's requests go to servers of two deployments. Where they do already, by an accident,
    nobody is kept from releasing.

    Raises:
        InputError: servers would join a target group in which another deployment's are.
    """
    every = list(fleets)
    own = {name_of(arn) for one in serving(every, home.arn) for arn in one.groups}
    for name, fleet in others_in(every, home, (home, *further)).items():
        if name not in own:
            known = ", ".join(sorted(fleet.group_names)) or "none"
            raise InputError(
                f"servers of {fleet.tags.get(t.APP, 'another application')} are in target group "
                f"{name} ({fleet.id} of {fleet.release}, known by target group {known}): requests "
                "would go to both. Name another target group in infra.target_group or "
                "infra.also_behind, in one of the two deployments"
            )


def require_first(
    fleets: Iterable[Fleet], own: Fleet, home: TargetGroup, further: Iterable[TargetGroup] = ()
) -> None:
    """The same once `own` was launched. Of two deployments that launched within seconds neither saw
    the other before: then the later one goes, and whoever meets one that serves. A fleet that AWS
    does not list yet is the later one.

    Raises:
        InputError: another deployment's servers came first.
    """
    every = list(fleets)
    mine = next((one for one in every if one.id == own.id), None)

    def first(one: Fleet) -> bool:
        earlier = mine is None or (one.created, one.id) < (mine.created, mine.id)
        return one.phase is Phase.SERVING or earlier

    others = [one for one in every if home.arn in one.target_groups or first(one)]
    require_own(others, home, further)
