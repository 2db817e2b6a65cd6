"""Check before a launch whether the quotas let the new servers run beside the old ones."""

import logging

from prefect import task

from spotkiln.aws.serve import quota as quotas
from spotkiln.aws.serve.serving import sized
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.serve.quota import Shortfall, forbids, parts, shortfalls
from spotkiln.serve.spec import FleetSpec
from spotkiln.tasks.step import STEP, say


def look_up_quotas(infra: Infra, spec: FleetSpec) -> tuple[list[Shortfall], str]:
    """The markets in which there may be no room; or the reason why they could not be looked up."""
    aws = connect(infra.region)
    try:
        rooms, vcpus = quotas.rooms(aws, parts(spec), spec.instance_types)
        return shortfalls(spec, vcpus, rooms), ""
    except SpotkilnError as error:
        return [], f"the quotas were not checked: {error}"


def quota_lines(infra: Infra, spec: FleetSpec) -> list[str]:
    """What a plan says of the quotas; nothing if there is room."""
    found, unknown = look_up_quotas(infra, spec)
    return [unknown] if unknown else [str(one) for one in found]


@task(name="check quotas", task_run_name="1 look up: quotas", **STEP)
def check_quotas(infra: Infra, spec: FleetSpec, *, refuse: bool = True) -> None:
    """Say where there may be no room for another fleet. If there is room, nothing is said.

    Raises:
        InputError: with `refuse`: there is no room for what is asked for, whatever EC2 chooses.
    """
    wanted = sized(connect(infra.region), infra, spec).spec
    found, unknown = look_up_quotas(infra, wanted)
    if unknown:
        say(unknown, logging.WARNING)
    for one in found:
        if refuse and forbids(wanted, one):
            raise InputError(str(one))
        say(str(one), logging.WARNING)
