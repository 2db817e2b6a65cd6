"""Flow runs in Prefect: read, started, renamed, cancelled, resumed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Running, Scheduled

from spotkiln.errors import PrefectFailed
from spotkiln.prefect_api import ui
from spotkiln.prefect_api.connection import Api
from spotkiln.start.run import Run


def run_of(run: FlowRun) -> Run:
    if run.created is None or run.state is None:
        raise PrefectFailed(f"Prefect told no state of run {run.id}; try again")
    details = run.state.state_details
    return Run(
        id=str(run.id),
        created=run.created,
        state=run.state.type.value,
        state_name=run.state.name or "",
        message=run.state.message or "",
        name=run.name,
        deployment=str(run.deployment_id or ""),
        pool=run.work_pool_name or "",
        tags=tuple(run.tags),
        parameters=run.parameters,
        pause_key=details.pause_key or "",
        pause_ends=details.pause_timeout,
        seconds=run.total_run_time.total_seconds(),
    )


def run_id(run: str) -> UUID | None:
    try:
        return UUID(run)
    except ValueError:
        return None


def page_of(run: str) -> str:
    """A run's page in the UI that Prefect opens by default; empty if that is no run's id, or if
    Prefect knows of no UI."""
    ident, base = run_id(run), ui.address()
    return f"{base}/runs/flow-run/{ident}" if ident and base else ""


async def read(api: Api, run: str) -> Run:
    """
    Raises:
        NotInPrefect: there is no such run.
    """
    ident = UUID(run)
    return run_of(await api.ask(f"read the run {run}", lambda client: client.read_flow_run(ident)))


async def first_message(api: Api, run: str) -> str | None:
    """The message of a run's first state; None if it has none."""
    states = await api.ask(
        f"read the states of run {run}", lambda client: client.read_flow_run_states(UUID(run))
    )
    first = min(states, key=lambda one: one.timestamp, default=None)
    return first.message if first else None


async def start(
    api: Api,
    deployment: UUID,
    *,
    parameters: Mapping[str, Any],
    tags: Iterable[str],
    key: str | None = None,
) -> Run:
    """A new run, with these parameters in the place of the deployment's own. `key`: if a run was
    created with that idempotency key before, it is that run again."""
    found = await api.ask(
        f"start a run of deployment {deployment}",
        lambda client: client.create_flow_run_from_deployment(
            deployment, parameters=dict(parameters), tags=list(tags), idempotency_key=key
        ),
    )
    return run_of(found)


async def rename(api: Api, run: str, name: str) -> None:
    await api.ask(
        f"rename the run {run}", lambda client: client.update_flow_run(UUID(run), name=name)
    )


async def rename_step(api: Api, step: str, name: str) -> None:
    await api.ask(
        f"rename the step {step}", lambda client: client.set_task_run_name(UUID(step), name)
    )


async def tag(api: Api, run: str, name: str, *, on: bool) -> None:
    """Give a run this tag, or take it away."""
    tags = [one for one in (await read(api, run)).tags if one != name]
    await api.ask(
        f"tag the run {run}",
        lambda client: client.update_flow_run(UUID(run), tags=[*tags, name] if on else tags),
    )


async def ask_to_cancel(api: Api, run: str) -> None:
    """Its worker ends it; one that has no process, such as one that waits, has ended at once."""
    state: State[None] = State(type=StateType.CANCELLING, name="Cancelling")
    await api.ask(
        f"cancel the run {run}", lambda client: client.set_flow_run_state(UUID(run), state)
    )


async def cancel(api: Api, run: str, *, name: str, message: str) -> None:
    """End a run that has not begun. `name` is what the state is called."""
    state: State[None] = Cancelled(name=name, message=message)
    await api.ask(
        f"cancel the run {run}", lambda client: client.set_flow_run_state(UUID(run), state)
    )


async def cancel_steps(api: Api, run: str, message: str) -> None:
    """Call cancelled what Prefect calls crashed: the steps that a cancelled run was in."""
    crashed = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.CRASHED]))
    found = await api.ask(
        f"read the crashed steps of run {run}",
        lambda client: client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run)])),
            task_run_filter=TaskRunFilter(state=crashed),
        ),
    )
    for one in found:
        state: State[None] = Cancelled(message=message)
        await api.ask(
            f"call the step {one.name} cancelled",
            partial(_set_state, step=one.id, state=state),
        )


async def _set_state(client: PrefectClient, *, step: UUID, state: State[None]) -> object:
    return await client.set_task_run_state(step, state, force=True)


async def put_off(api: Api, run: str, *, until: datetime, name: str, message: str) -> State[None]:
    """Let this run, whose process is about to end, be started anew at that time. `name` is what the
    state is called.

    Raises:
        PrefectFailed: Prefect did not want to.
    """
    wanted: State[None] = Scheduled(scheduled_time=until, name=name, message=message)
    answer = await api.ask(
        f"put off the run {run}", lambda client: client.set_flow_run_state(UUID(run), wanted)
    )
    if answer.state is None or answer.state.type is not StateType.SCHEDULED:
        raise PrefectFailed(
            f"Prefect did not put off the run {run}: {answer.status.value}; start it again"
        )
    return answer.state


async def force_running(api: Api, run: str) -> None:
    """Set a run's state to Running, whatever it is."""
    await api.ask(
        f"set the run {run} to Running",
        lambda client: client.set_flow_run_state(UUID(run), Running(), force=True),
    )


async def resume(api: Api, run: str, answer: Mapping[str, Any]) -> None:
    """Let a paused run go on, with this answer to what it asks. If somebody else was first, nothing
    happens."""
    await api.ask(
        f"resume the run {run}",
        lambda client: client.resume_flow_run(UUID(run), run_input=dict(answer)),
    )
