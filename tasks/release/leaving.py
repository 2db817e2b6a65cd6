"""A run whose process ends while it waits: for a person's answer, or for the end of a freeze.

It gives its worker's slot back, and Prefect starts it anew.
"""

from prefect.context import FlowRunContext
from prefect.events import emit_event

# The last event of a process whose run waits. Prefect's last heartbeat may come after the state
# that says so, and an automation in automations.yaml would wait for the next one.
SUSPENDED = "spotkiln.run.suspended"
_left: list[str] = []


def can_be_started_anew() -> bool:
    """Whether Prefect can start this run anew."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return bool(run and run.deployment_id and not run.parent_task_run_id)


def leaves(run: str) -> None:
    """The run's process is about to end; the run has not ended."""
    _left.append(run)


def stays() -> None:
    """It goes on after all."""
    _left.clear()


def tell_suspended() -> None:
    """Call it last of all in a run's process."""
    for run in _left:
        emit_event(SUSPENDED, resource={"prefect.resource.id": f"prefect.flow-run.{run}"})
