"""Finds the servers of serving fleets that have been unhealthy for long, and replaces them."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

from spotkiln import tags as t
from spotkiln.aws.bake.infra import target_groups
from spotkiln.aws.keep import lease as leases
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.gate import with_health
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.retire import drain
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import TargetGroup
from spotkiln.keep.heartbeat import Say
from spotkiln.poll import Clock
from spotkiln.release.unhealthy import Sick, Watched, watch
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.serving import newest_serving


def left_alone(aws: Aws, target_group: str) -> Iterator[tuple[Fleet, TargetGroup]]:
    """What serves each target group (or the one of that name) that no release is at work in."""
    serving = newest_serving(launchers(aws).listing())
    every = {group.arn: group for group in target_groups(aws)} if serving else {}
    for group in every.values():
        fleet = serving.get(group.arn)
        if fleet and target_group in {"", group.name} and not leases.read(aws, group.arn):
            # The second of a pair has the servers now and then; the turn is that of the first.
            yield fleet, every.get(fleet.registered, group)


def look(aws: Aws, fleet: Fleet, group: TargetGroup, patience: timedelta, say: Say) -> Watched:
    """What is to be done about a fleet's servers. Reads only."""
    live = [one for one in launchers(aws).members(fleet) if one.live]
    seen = with_health(live, targets.healths(aws, [group.arn], fleet.also))
    found = watch(fleet, live, seen, now=aws.now(), patience=patience)
    if found.why:
        say(f"{fleet.id}: nothing is replaced: {found.why}", logging.WARNING)
    return found


def write_down(aws: Aws, found: Watched) -> None:
    """Since when servers are unhealthy, on the servers themselves."""
    instances.tag(aws, found.mark, {t.UNHEALTHY_SINCE: aws.now().isoformat(timespec="seconds")})
    instances.untag(aws, found.clear, t.UNHEALTHY_SINCE)


def replace(
    aws: Aws,
    fleet: Fleet,
    group: TargetGroup,
    sick: Sick,
    clock: Clock,
    say: Callable[[str], None],
) -> str:
    """Deregister, drain and terminate a server; its fleet launches another. What its console shows
    is returned."""
    console = instances.console(aws, sick.instance)
    say(f"replacing {sick.target}, unhealthy since {sick.since:%H:%M:%S} UTC")
    groups = {group.arn: group.deregistration_delay, **targets.delays(aws, fleet.also)}
    drain(aws, groups, {sick.instance}, clock, say)
    instances.terminate(aws, [sick.instance])
    return console
