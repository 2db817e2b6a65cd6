"""Flow runs in Prefect: read, started, renamed, cancelled, resumed."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Running, Scheduled

from spotkiln.errors import PrefectFailed, SpotkilnError
from spotkiln.prefect_api import ui
from spotkiln.prefect_api.connection import Api, ask
from spotkiln.start.run import FINAL, SCHEDULED, Run


def _of(run: FlowRun) -> Run:
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


def _id(run: str) -> UUID | None:
    try:
        return UUID(run)
    except ValueError:
        return None


def page_of(run: str) -> str:
    """A run's page in the UI that Prefect opens by default; empty if that is no run's id, or if
    Prefect knows of no UI."""
    ident, base = _id(run), ui.address()
    return f"{base}/runs/flow-run/{ident}" if ident and base else ""


async def read(api: Api, run: str) -> Run:
    """
    Raises:
        NotInPrefect: there is no such run.
    """
    ident = UUID(run)
    return _of(await api.ask(f"read the run {run}", lambda client: client.read_flow_run(ident)))


async def _listing(
    api: Api, what: str, wanted: FlowRunFilter, *, pool: str = "", flows: FlowFilter | None = None
) -> list[Run]:
    """Those wanted, the newest first; of one work pool or of some flows, if they are named."""
    pools = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])) if pool else None
    found = await api.pages(
        what,
        lambda client, limit, offset: client.read_flow_runs(
            flow_filter=flows,
            flow_run_filter=wanted,
            work_pool_filter=pools,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=limit,
            offset=offset,
        ),
    )
    return [_of(one) for one in found]


async def known(api: Api, runs: Iterable[str]) -> list[Run]:
    """Those of these that Prefect knows. What is no run's id is none of them."""
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[x for one in runs if (x := _id(one))]))
    return await _listing(api, "read runs by their ids", wanted)


def ended_runs(runs: Iterable[str]) -> frozenset[str]:
    """Those that Prefect says have ended. What it does not know, or cannot say now, is not among
    them: then their leases decide."""
    wanted = [one for one in runs if _id(one)]
    if not wanted:
        return frozenset()
    try:
        return frozenset(one.id for one in ask(known, wanted) if one.final)
    except SpotkilnError:
        return frozenset()


async def newest_named(api: Api, name: str) -> Run | None:
    """The newest run of that name."""
    found = await api.ask(
        f"find the run {name}",
        lambda client: client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[name])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=1,
        ),
    )
    return _of(found[0]) if found else None


async def recent(api: Api, limit: int = 200) -> list[Run]:
    """The newest runs of all flows, the newest first."""
    found = await api.ask(
        "list the newest runs",
        lambda client: client.read_flow_runs(
            sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=limit
        ),
    )
    return [_of(one) for one in found]


async def newest_of(api: Api, deployments: Iterable[UUID], limit: int) -> list[Run]:
    """The newest runs of some deployments that have begun or wait for a worker, the newest first.
    Those that a schedule has made for later are not among them."""
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=list(deployments)),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC)),
    )
    found = await api.ask(
        "list the newest runs of deployments",
        lambda client: client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=limit
        ),
    )
    return [_of(one) for one in found]


async def ended_since(api: Api, deployments: Iterable[UUID], since: datetime) -> list[Run]:
    """The runs of some deployments that were expected since then and have ended."""
    final = FlowRunFilterStateType(any_=[StateType(one) for one in sorted(FINAL)])
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=list(deployments)),
        expected_start_time=FlowRunFilterExpectedStartTime(after_=since),
        state=FlowRunFilterState(type=final),
    )
    return await _listing(api, "list the runs of deployments that have ended", wanted)


async def tagged(
    api: Api, deployment: str, tags: Iterable[str], *, only_scheduled: bool = False
) -> list[Run]:
    """The runs of a deployment that have all of these tags, the newest first."""
    states = FlowRunFilterStateType(any_=[StateType(SCHEDULED)])
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=list(tags)),
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment)]),
        state=FlowRunFilterState(type=states) if only_scheduled else None,
    )
    return await _listing(api, f"list the runs of deployment {deployment}", wanted)


async def named_so(api: Api, deployment: str, state: str) -> list[Run]:
    """The runs of a deployment in a state of that name, the newest first."""
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment)]),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[state])),
    )
    return await _listing(api, f"list the runs of deployment {deployment} that are {state}", wanted)


async def ended_with_tag(api: Api, tag: str, since: datetime) -> list[Run]:
    """The runs with that tag, of all flows, that have ended and were expected since then."""
    final = FlowRunFilterStateType(any_=[StateType(one) for one in sorted(FINAL)])
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[tag]),
        state=FlowRunFilterState(type=final),
        expected_start_time=FlowRunFilterExpectedStartTime(after_=since),
    )
    return await _listing(api, f"list the runs tagged {tag}", wanted)


async def unfinished(api: Api, flows: Iterable[str]) -> list[Run]:
    """The runs of these flows that have not ended, the newest first."""
    states = FlowRunFilterStateType(not_any_=[StateType(one) for one in FINAL])
    wanted = FlowRunFilter(state=FlowRunFilterState(type=states))
    named = FlowFilter(name=FlowFilterName(any_=list(flows)))
    return await _listing(api, "list the runs that have not ended", wanted, flows=named)


async def suspended(api: Api, pool: str) -> list[Run]:
    """The runs of a work pool that have been suspended, to wait for an answer."""
    name = FlowRunFilterStateName(any_=["Suspended"])
    wanted = FlowRunFilter(state=FlowRunFilterState(name=name))
    return await _listing(api, f"list the suspended runs of pool {pool}", wanted, pool=pool)


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
    return _of(found)


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
