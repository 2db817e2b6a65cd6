"""Takes fleets away without losing a request, and verifies that they are gone.

A launcher that ends instances itself may cut requests off. So: let it replace nothing any more and
keep its instances, deregister them, wait until the load balancer has let go of them, terminate
them by id, remove the fleet, confirm. The same for a fleet that is replaced and for one that
failed: some of its instances may serve already.
"""

from collections.abc import Callable, Iterable, Sequence

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
    target_group: str,
    ids: set[str],
    delay: int,
    clock: Clock,
    say: Callable[[str], None],
    members: Callable[[], set[str]] = set,
) -> None:
    """Deregister instances, and wait until the load balancer has let go of all of them.

    `members` tells which others have come in the meantime. They are deregistered, too, and the wait
    begins anew for them. `delay` is the deregistration delay in seconds.
    """
    held, began = _deregister(aws, target_group, ids)
    while held:
        say(f"draining {len(held)} targets, {delay} s of deregistration delay")

        def let_go() -> Done[tuple[list[Target], list[Target]]] | Waiting:
            left, late = _deregister(aws, target_group, ids | members())
            return Waiting(", ".join(map(str, left))) if left and not late else Done((left, late))

        held, began = poll(
            let_go,
            what=f"targets to drain: {', '.join(sorted(one.instance for one in held))}",
            deadline_seconds=delay + DRAIN_SLACK_SECONDS,
            clock=clock,
            # Those that drained before may be done any time. The others take the whole delay, and
            # AWS tells of its end a moment later.
            not_before=delay + 0.5 if len(began) == len(held) else 0.0,
        )


def _deregister(aws: Aws, target_group: str, ids: set[str]) -> tuple[list[Target], list[Target]]:
    """Those of these that the load balancer holds, and those that begin to drain now."""
    held = still_held(targets.health(aws, target_group), ids)
    began = [one for one in held if one.health not in DRAINING]
    targets.deregister(aws, target_group, (one.instance for one in began))
    return held, began


def _confirm(
    aws: Aws,
    retiring: Sequence[Fleet],
    known: set[str],
    target_group: str,
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
            if still_held(targets.health(aws, target_group), late):
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
        backoff=Backoff(first=2.0, factor=1.5, maximum=6.0),
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
    deregistration delay in seconds.

    Raises:
        DeadlineExceeded: a step did not end, with what was left.
        SpotkilnError: AWS did not stop a fleet.
    """
    if not retiring:
        return []
    return [
        one
        for group, fleets in _by_group(retiring, target_group).items()
        for one in _retire(aws, fleets, group, delay, clock, say)
    ]


def _by_group(retiring: Sequence[Fleet], target_group: str) -> dict[str, list[Fleet]]:
    """The two groups of a pair have servers of their own: each lets go of its own."""
    found: dict[str, list[Fleet]] = {}
    for fleet in retiring:
        found.setdefault(fleet.registered or target_group, []).append(fleet)
    return found


def _retire(
    aws: Aws,
    retiring: Sequence[Fleet],
    target_group: str,
    delay: int,
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
        drain(aws, target_group, set(found), delay, clock, say, lambda: look(0))
        say(f"terminating {len(found)} instances")
        instances.terminate(aws, (x.id for x in found.values() if x.stays))
        if _confirm(aws, retiring, set(found), target_group, clock, note):
            break
        look()
    # An adopted fleet's parts were made by somebody else, who may have others made of them.
    for fleet in retiring:
        for part in () if fleet.adopted else fleet.parts:
            each.of(fleet).remove_part(part)
    return list(found.values())
