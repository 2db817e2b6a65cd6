"""Saves what is needed to understand a failed fleet, before it is taken away."""

from contextlib import suppress

from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.gate import with_health
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import SpotkilnError
from spotkiln.serve.evidence import (
    CONSOLES,
    Evidence,
    failing_first,
    last_lines,
    without_scaled_in,
)
from spotkiln.serve.fleet import Fleet
from spotkiln.target import Instance, Target


def collect(aws: Aws, fleet: Fleet, infra: Infra, scaled_in: int = 0) -> Evidence:
    """The reasons of the targets, the fleet's history, the ends of the consoles of what failed.
    What cannot be had is left out: evidence must not stand in the way of the rollback. So many that
    ended were `scaled_in`, and did not fail."""
    each = launchers(aws)
    rows: list[str] = []
    members: list[Instance] = []
    health: tuple[Target, ...] = ()
    consoles: dict[str, str] = {}
    with suppress(SpotkilnError):
        rows = each.of(fleet).history(fleet.id)
    with suppress(SpotkilnError):
        members = each.members(fleet)
        live = [one for one in members if one.live]
        health = with_health(live, targets.healths(aws, (x.arn for x in infra.groups)))
    ordered, targets_ordered = failing_first(without_scaled_in(members, scaled_in), health)
    for one in ordered[:CONSOLES]:
        with suppress(SpotkilnError):
            consoles[one.id] = last_lines(instances.console(aws, one.id))
    return Evidence(
        targets=targets_ordered, instances=ordered, history=tuple(rows), consoles=consoles
    )
