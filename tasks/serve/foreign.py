"""The step that says what else serves the target group."""

from collections.abc import Sequence

from prefect import task

from spotkiln.aws.serve import foreign
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.foreign import Foreign
from spotkiln.tasks.step import STEP, say


@task(name="find what is not ours", task_run_name="1 look up: what serves and is not ours", **STEP)
def find_foreign(infra: Infra, seen: Sequence[Fleet] | None = None) -> Foreign:
    """What serves the target group without our tags: fleets, Auto Scaling groups, instances. `seen`
    are all fleets, if they were just looked at."""
    return foreign.find_foreign(connect(infra.region), infra, say, seen)
