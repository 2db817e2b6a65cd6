"""What a person asks of a release while it hands requests over: a tag of its new fleet."""

from spotkiln import tags as t
from spotkiln.aws.serve import hand_over
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.stepping import Steer


def steered(aws: Aws, fleet: Fleet) -> Steer:
    """The last word.

    Raises:
        InfrastructureError: somebody takes the fleet away.
    """
    found = launchers(aws).of(fleet).find(fleet.id)
    if found is None:
        return Steer.RESUME
    if not found.live:
        raise InfrastructureError(f"{fleet.id} is {found.status}; was it cancelled by somebody?")
    word = found.tags.get(t.STEER, "")
    return Steer(word) if word in set(Steer) else Steer.RESUME


def ask(aws: Aws, group: TargetGroup, steer: Steer) -> Fleet:
    """Ask it of the release that hands requests over in this target group (and its second one), or
    whose servers come there in batches; its new fleet.

    Raises:
        InputError: there is none.
    """
    each = launchers(aws)
    begun = {one.release for one in hand_over.at(aws, group.arn)}
    found = [
        one
        for one in each.listing()
        if one.phase is Phase.PENDING
        and one.live
        and (one.release in begun or (t.BATCHES in one.tags and group.arn in one.target_groups))
    ]
    if not found:
        raise InputError(
            f"no release hands requests over to new servers of {group.name} now: there is nothing "
            f"to {steer}"
        )
    newest = max(found, key=lambda one: one.created)
    each.mark(newest, {t.STEER: str(steer)})
    return newest
