"""Retires what a promoted fleet replaces."""

from collections.abc import Callable

from spotkiln.aws.serve.foreign import adopt
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.retire import retire
from spotkiln.aws.serve.serving import to_adopt
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import InfrastructureError
from spotkiln.poll import Clock
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.serving import may_not_retire, retirees


def retire_replaced(
    aws: Aws, infra: Infra, new: Fleet, clock: Clock, say: Callable[[str], None]
) -> list[Fleet]:
    """Take away, without losing a request, all that `new` replaces; verified to the end.

    Raises:
        InfrastructureError: `new` is not the newest that serves; nothing is taken away.
    """
    each, group = launchers(aws), infra.home
    every = each.at(group.name)
    if why := may_not_retire(every, group.arn, new):
        raise InfrastructureError(f"nothing is retired for {new.id}: {why}")
    old = retirees(every, group.arn, new)
    for fleet in old:
        each.set_phase(fleet, Phase.RETIRING)
    for fleet in to_adopt(aws, infra):
        old.append(adopt(aws, fleet, new.release, group.arn))
    gone = retire(
        aws, old, target_group=group.arn, delay=group.deregistration_delay, clock=clock, say=say
    )
    # It has taken over: from now on AWS scales it.
    each.resume_scaling([new])
    if old:
        say(f"retired {', '.join(one.id for one in old)} with {len(gone)} instances")
    return old
