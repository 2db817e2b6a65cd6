"""Takes fleets away without losing a request, and verifies that they are gone.

A launcher that ends instances itself may cut requests off. So: let it replace nothing any more and
keep its instances, deregister them, wait until the load balancer has let go of them, terminate
them by id, remove the fleet, confirm. The same for a fleet that is replaced and for one that
failed: some of its instances may serve already.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.serve.fleet import Fleet
from spotkiln.target import DRAIN_SLACK_SECONDS, Health, Instance, Target

LET_GO = {Health.UNUSED, Health.UNREGISTERED}
DRAINING = {Health.DRAINING, Health.UNHEALTHY_DRAINING}
TERMINATION_SECONDS = 900


def still_held(registered: dict[str, Target], ids: set[str]) -> list[Target]:
    """Those of these instances that the load balancer still holds."""
    return [
        target
        for name, target in sorted(registered.items())
        if name in ids and target.health not in LET_GO
    ]


def _members(aws: Aws, retiring: Sequence[Fleet], enough: int | None = None) -> list[Instance]:
    each = launchers(aws)
    return [one for fleet in retiring for one in each.members(fleet, enough)]


def drain(
    aws: Aws,
    groups: Mapping[str, int],
    ids: set[str],
    clock: Clock,
    say: Callable[[str], None],
    members: Callable[[], set[str]] = set,
) -> None:
    """Deregister instances, and wait until the load balancers have let go of all of them.

    `groups` are the target groups (ARNs) that they are in, with the deregistration delay of each in
    seconds. `members` tells which others have come in the meantime. They are deregistered, too, and
    the wait begins anew for them.
    """
    held, began = _deregister(aws, groups, ids)
    while held:
        delay = max(groups.values())
        number = len({one.instance for one in held})
        say(f"draining {number} targets, {delay} s of deregistration delay")

        def let_go() -> Done[tuple[list[Target], list[Target]]] | Waiting:
            left, late = _deregister(aws, groups, ids | members())
            return Waiting(", ".join(map(str, left))) if left and not late else Done((left, late))

        held, began = poll(
            let_go,
            what=f"targets to drain: {', '.join(sorted({one.instance for one in held}))}",
            deadline_seconds=delay + DRAIN_SLACK_SECONDS,
            clock=clock,
            # Those that drained before may be done any time. The others take the whole delay, and
            # AWS tells of its end a moment later.
            not_before=delay + 0.5 if len(began) == len(held) else 0.0,
        )


def _deregister(
    aws: Aws, groups: Iterable[str], ids: set[str]
) -> tuple[list[Target], list[Target]]:
    """Those of these that a load balancer holds, and those that begin to drain now."""
    held, began = [], []
    for group in groups:
        here = still_held(targets.health(aws, group), ids)
        new = [one for one in here if one.health not in DRAINING]
        targets.deregister(aws, group, (one.instance for one in new))
        held += here
        began += new
    return held, began


def _confirm(
    aws: Aws,
    retiring: Sequence[Fleet],
    known: set[str],
    groups: Iterable[str],
    clock: Clock,
    note: Callable[[Iterable[Instance]], None],
) -> bool:
    """Wait until every instance is terminated, late ones too, and every fleet gone: a fleet that
    was stopped before it was complete can still launch.

    False: a late one is registered, and has to be drained first. `known` are looked at by their
    ids: a fleet does not tell of members that are about to end. `note` is told of all at each look.
    """

    def gone() -> Done[bool] | Waiting:
        # Only when all that carry the launcher's mark are gone it is asked for others.
        members = {one.id: one for one in _members(aws, retiring, enough=0)}
        if all(one.gone for one in members.values()):
            members |= {one.id: one for one in _members(aws, retiring)}
        members |= {one.id: one for one in instances.by_id(aws, known - members.keys())}
        note(members.values())
        left = [one for one in members.values() if not one.gone]
        late = {one.id for one in left if one.live}
        if late:
            if any(still_held(targets.health(aws, group), late) for group in groups):
                return Done(False)
            instances.terminate(aws, late)
        if left:
            return Waiting(", ".join(f"{one.id} {one.state}" for one in left))
        each = launchers(aws)
        found = [each.of(fleet).find(fleet.id) for fleet in retiring]
        open_ = [fleet for fleet in found if fleet and not fleet.gone]
        for fleet in open_:
            each.of(fleet).remove(fleet)
        if open_:
            return Waiting(", ".join(f"{fleet.id} {fleet.status}" for fleet in open_))
        return Done(True)

    return poll(
        gone,
        what=f"fleets to be gone: {', '.join(fleet.id for fleet in retiring)}",
        deadline_seconds=TERMINATION_SECONDS,
        clock=clock,
        # Machines take seconds to stop, and some of them minutes.
        backoff=Backoff(first=2.0, factor=2.0, maximum=15.0),
        not_before=1.0,
    )


def retire(
    aws: Aws,
    retiring: Sequence[Fleet],
    *,
    target_group: str,
    delay: int,
    clock: Clock,
    say: Callable[[str], None],
) -> list[Instance]:
    """Stop, drain, terminate, remove, verify; the instances that were terminated.

    It can be repeated, wherever it was left. `delay` is the target group's
    deregistration delay in seconds. Further target groups are those that each fleet tells.

    Raises:
        DeadlineExceeded: a step did not end, with what was left.
        SpotkilnError: AWS did not stop a fleet.
    """
    if not retiring:
        return []
    return [
        one
        for (first, *also), fleets in _by_groups(retiring, target_group).items()
        # One that somebody has deleted meanwhile holds nothing.
        for one in _retire(aws, fleets, {first: delay, **targets.delays(aws, also)}, clock, say)
    ]


def _by_groups(retiring: Sequence[Fleet], target_group: str) -> dict[tuple[str, ...], list[Fleet]]:
    """The two groups of a pair have servers of their own: each lets go of its own. What is in
    further groups leaves all of them together."""
    found: dict[tuple[str, ...], list[Fleet]] = {}
    for fleet in retiring:
        found.setdefault((fleet.registered or target_group, *fleet.also), []).append(fleet)
    return found


def _retire(
    aws: Aws,
    retiring: Sequence[Fleet],
    groups: Mapping[str, int],
    clock: Clock,
    say: Callable[[str], None],
) -> list[Instance]:
    each = launchers(aws)
    each.end_scaling(retiring)
    each.stop_replacing(fleet for fleet in retiring if fleet.live)
    first = _members(aws, retiring)
    ended = {one.id for one in first if one.gone}
    found = {one.id: one for one in first if not one.gone}

    def note(every: Iterable[Instance]) -> None:
        found.update((one.id, one) for one in every if one.id not in ended)

    def look(enough: int | None = None) -> set[str]:
        note(_members(aws, retiring, enough))
        return set(found)

    while True:
        # A late one carries its launcher's mark; one that does not is found at the end.
        drain(aws, groups, set(found), clock, say, lambda: look(0))
        say(f"terminating {len(found)} instances")
        instances.terminate(aws, (x.id for x in found.values() if x.stays))
        if _confirm(aws, retiring, set(found), groups, clock, note):
            break
        look()
    # An adopted fleet's parts were made by somebody else, who may have others made of them.
    for fleet in retiring:
        for part in () if fleet.adopted else fleet.parts:
            each.of(fleet).remove_part(part)
    return list(found.values())
