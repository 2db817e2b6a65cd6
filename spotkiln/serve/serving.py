"""What serves a target group, in the order of promotion: who is the newest, and what it replaces.

The order is that of promotions, not of requests: a fleet that was asked for early and waited long
may be promoted last. A worker may sleep at any point and wake up when another release has long
been promoted; so nothing is retired but what is older than its own, by the one that is the newest.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from spotkiln.serve.fleet import Fleet, Phase

# Tags hold no more.
TICK = timedelta(milliseconds=1)


def serving(fleets: Iterable[Fleet], target_group: str) -> list[Fleet]:
    """Our fleets that serve a target group (by ARN), the one promoted last first. Foreign fleets
    are not ours to judge: only those with our tags count."""
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
    """What the next release replaces: all of ours that serve, or were on their way out."""
    return [
        fleet
        for fleet in fleets
        if target_group in fleet.target_groups
        and fleet.phase in {Phase.SERVING, Phase.RETIRING}
        and not fleet.gone
    ]


def retirees(fleets: Iterable[Fleet], target_group: str, new: Fleet) -> list[Fleet]:
    """The fleets that a promoted one replaces: what was promoted before it."""
    return [
        fleet
        for fleet in replaceable(fleets, target_group)
        if fleet.id != new.id and fleet.order < new.order
    ]


def may_not_retire(fleets: Iterable[Fleet], target_group: str, own: Fleet) -> str:
    """Why a promoted fleet replaces nothing any more; empty if it is the newest that serves.

    Its own promotion may not be seen yet, that it was taken away is.
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
    """Whether something newer than this fleet serves in each of its target groups: only then may
    anybody but its own release take it away."""
    newest = newest_serving(one for one in fleets if one.id != fleet.id)
    return bool(fleet.target_groups) and all(
        group in newest and newest[group].order > fleet.order for group in fleet.target_groups
    )


def promoted_meanwhile(
    fleets: Iterable[Fleet], target_group: str, own: Fleet, before: Collection[Fleet]
) -> list[Fleet]:
    """What serves now, and neither is one's own nor did when one's turn began: another release
    took the turn."""
    known = {own.id, *(one.id for one in before)}
    return [one for one in serving(fleets, target_group) if one.id not in known]


def promotion_time(now: datetime, fleets: Iterable[Fleet], target_group: str) -> datetime:
    """When a fleet counts as promoted: now, but after everything of ours that serves or served
    there, for AWS's dates are no more exact than a second."""
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    others = replaceable(fleets, target_group)
    return max([now, *(one.order[0] + TICK for one in others)])


def still_doomed(fleets: Iterable[Fleet], ids: Collection[str]) -> list[Fleet]:
    """Of the fleets that were found to be retired, those that are to be at a second look: one that
    was promoted meanwhile serves, unless something newer does."""
    every = list(fleets)
    return [
        fleet
        for fleet in every
        if fleet.id in ids
        and not fleet.gone
        and (fleet.phase is Phase.PENDING or (fleet.phase is not None and outdone(fleet, every)))
    ]
