"""Takes fleets away without losing a request, and verifies that they are gone.

Spot Fleet cannot drain: cancelling with termination cuts requests off. So: cancel and keep the
instances, deregister them, wait until the load balancer has let go of them, terminate them by
id, confirm. The same for a fleet that is replaced and for one that failed: some of its instances
may serve already.
"""

from collections.abc import Callable, Sequence

from spotkiln.aws import fleet as fleets
from spotkiln.aws import instance as instances
from spotkiln.aws import target as targets
from spotkiln.aws.session import Aws
from spotkiln.fleet import Fleet
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.target import DRAIN_SLACK_SECONDS, Health, Instance, Target

LET_GO = {Health.UNUSED, Health.UNREGISTERED}
TERMINATION_SECONDS = 900


def still_held(registered: dict[str, Target], ids: set[str]) -> list[Target]:
    """Of these instances, those that the load balancer has not let go of."""
    return [
        target
        for name, target in sorted(registered.items())
        if name in ids and target.health not in LET_GO
    ]


def _members(aws: Aws, retiring: Sequence[Fleet], enough: int | None = None) -> list[Instance]:
    return [one for fleet in retiring for one in instances.of_fleet(aws, fleet.id, enough)]


def drain(
    aws: Aws, target_group: str, ids: set[str], delay: int, clock: Clock, say: Callable[[str], None]
) -> None:
    """Deregister, and wait until the load balancer has let go of all of them."""
    held = still_held(targets.health(aws, target_group), ids)
    draining = [one for one in held if one.health is Health.DRAINING]
    targets.deregister(
        aws, target_group, (one.instance for one in held if one.health is not Health.DRAINING)
    )
    if not held:
        return
    say(f"draining {len(held)} targets, {delay} s of deregistration delay")

    def let_go() -> Done[None] | Waiting:
        left = still_held(targets.health(aws, target_group), ids)
        return Waiting(", ".join(map(str, left))) if left else Done(None)

    poll(
        let_go,
        what=f"targets to drain: {', '.join(sorted(one.instance for one in held))}",
        deadline_seconds=delay + DRAIN_SLACK_SECONDS,
        clock=clock,
        # Those that drain already may be done any time; the others not before the whole delay,
        # of which AWS tells a moment later.
        not_before=0.0 if draining else delay + 0.5,
    )


def _confirm(
    aws: Aws, retiring: Sequence[Fleet], known: set[str], target_group: str, clock: Clock
) -> None:
    """Until every fleet is cancelled and every instance terminated, late ones too: a fleet that
    is cancelled before it was fulfilled can still launch. `known` are looked at by their ids:
    a fleet does not tell of members that are about to end."""

    def gone() -> Done[None] | Waiting:
        # As long as one is seen by its tag, nobody need ask which have none.
        members = {one.id: one for one in _members(aws, retiring, enough=0)}
        if all(one.gone for one in members.values()):
            members |= {one.id: one for one in _members(aws, retiring)}
        members |= {one.id: one for one in instances.by_id(aws, known - members.keys())}
        left = [one for one in members.values() if not one.gone]
        late = {one.id for one in left if one.live}
        if late:
            targets.deregister(
                aws,
                target_group,
                (x.instance for x in still_held(targets.health(aws, target_group), late)),
            )
            instances.terminate(aws, late)
        if left:
            return Waiting(", ".join(f"{one.id} {one.state}" for one in left))
        found = [fleets.describe(aws, fleet.id) for fleet in retiring]
        open_ = [fleet for fleet in found if fleet and not fleet.gone]
        if open_:
            return Waiting(", ".join(f"{fleet.id} {fleet.state}" for fleet in open_))
        return Done(None)

    poll(
        gone,
        what=f"fleets to be gone: {', '.join(fleet.id for fleet in retiring)}",
        deadline_seconds=TERMINATION_SECONDS,
        clock=clock,
        # Machines take seconds to stop, and some of them minutes.
        backoff=Backoff(first=2.0, factor=1.05, maximum=6.0),
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
    """Cancel, drain, terminate, verify; the instances that were terminated.

    Can be repeated from any point at which it was left. `delay` is the target group's
    deregistration delay in seconds.

    Raises:
        DeadlineExceeded: a step did not end, with what was left.
        AwsError: AWS did not cancel a fleet.
    """
    if not retiring:
        return []
    fleets.cancel(aws, (fleet.id for fleet in retiring if fleet.live), terminate=False)
    members = [one for one in _members(aws, retiring) if not one.gone]
    ids = {one.id for one in members}
    drain(aws, target_group, ids, delay, clock, say)
    say(f"terminating {len(ids)} instances")
    instances.terminate(aws, (one.id for one in members if one.state != "shutting-down"))
    _confirm(aws, retiring, ids, target_group, clock)
    # An adopted fleet's template was made by somebody else, who may have others made of it.
    own = [fleet for fleet in retiring if not fleet.adopted]
    for template in {name for fleet in own for name in fleet.launch_templates}:
        fleets.delete_template(aws, template)
    return members
