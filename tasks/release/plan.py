"""The step that says what a release would do."""

from prefect import task

from spotkiln.aws.release import plan
from spotkiln.aws.session import connect
from spotkiln.prefect_api import contents
from spotkiln.prefect_api.connection import ask
from spotkiln.release.job import Job
from spotkiln.release.plan import Plan
from spotkiln.tasks.step import CLOCK, STEP, not_urgent, say


@task(name="plan", task_run_name="1 look up: what would change", **STEP)
def plan_release(job: Job) -> Plan:
    """Everything that the release would find, as it is now; nothing is changed."""
    found = plan.plan_release(connect(job.infra.region), job, clock=CLOCK, say=say)
    with not_urgent("see which packages would change", "the plan does not tell"):
        return ask(contents.with_packages, found)
    return found
