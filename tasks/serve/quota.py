"""The step that checks whether the quotas let the new servers run beside the old ones."""

import logging

from prefect import task

from spotkiln.aws.serve import quota
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.spec import FleetSpec
from spotkiln.tasks.step import STEP, say


@task(name="check quotas", task_run_name="1 look up: quotas", **STEP)
def check_quotas(
    infra: Infra, spec: FleetSpec, current: list[Fleet], *, refuse: bool = True
) -> None:
    """Say where there may be no room for a fleet beside those that serve, the newest first. If
    there is room, nothing is said.

    Raises:
        InputError: with `refuse`: there is no room for what is asked for, whatever EC2 chooses.
    """
    for one in quota.check(connect(infra.region), infra, spec, current, refuse=refuse):
        say(one, logging.WARNING)
