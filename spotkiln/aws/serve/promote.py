"""Promotes a fleet: from then on it is what serves."""

from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.serve.fleet import Fleet, Phase, State
from spotkiln.serve.serving import promoted_meanwhile, promotion_time, require_first


def _may_be_promoted(fleet: Fleet, infra: Infra, before: list[Fleet], every: list[Fleet]) -> None:
    found = next((one for one in every if one.id == fleet.id), None)
    if found and not found.live:
        raise InfrastructureError(
            f"{fleet.id} passed the gate, but is {found.status} now; was it cancelled by somebody?"
        )
    others = promoted_meanwhile(every, infra.home.arn, fleet, before)
    if others:
        raise InfrastructureError(
            f"{fleet.id} passed the gate, but {others[0].id} of {others[0].release} was promoted "
            "meanwhile: another release took the turn"
        )
    require_first(every, fleet, infra.home, infra.also)


def promote(aws: Aws, fleet: Fleet, infra: Infra, before: list[Fleet]) -> Fleet:
    """Promote a fleet that has proved itself, in place of what served `before`.

    Looks before and after the write: between the last look and the write the worker may have slept.

    Raises:
        InfrastructureError: the fleet was cancelled, or another one promoted, meanwhile. The fleet
            is pending again, and what served goes on serving.
        InputError: another deployment came first to one of its target groups. The same.
    """
    each, arn = launchers(aws), infra.home.arn
    every = each.listing()
    _may_be_promoted(fleet, infra, before, every)
    moment = promotion_time(aws.now(), (one for one in every if one.id != fleet.id), arn)
    marks = each.promote(fleet, moment)
    try:
        _may_be_promoted(fleet, infra, before, each.listing())
    except (InfrastructureError, InputError):
        each.set_phase(fleet, Phase.PENDING)
        raise
    return fleet.model_copy(update={"state": State.KEPT, "tags": {**fleet.tags, **marks}})
