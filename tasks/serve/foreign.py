"""The step that says what else serves the target group."""

from prefect import task

from spotkiln.aws.serve import foreign
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra
from spotkiln.serve.foreign import Foreign
from spotkiln.tasks.step import STEP, say


@task(name="find what is not ours", task_run_name="1 look up: what serves and is not ours", **STEP)
def find_foreign(infra: Infra) -> Foreign:
    """Fleets, Auto Scaling groups and instances that serve the target group without our tags."""
    return foreign.find_foreign(connect(infra.region), infra, say)
