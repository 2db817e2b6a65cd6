"""Lists of flow runs in Prefect, the newest first."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

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
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort

from spotkiln.errors import SpotkilnError
from spotkiln.prefect_api.connection import Api, ask
from spotkiln.prefect_api.run import run_id, run_of
from spotkiln.start.run import FINAL, SCHEDULED, Run


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
    return [run_of(one) for one in found]


async def known(api: Api, runs: Iterable[str]) -> list[Run]:
    """Those of these that Prefect knows. What is no run's id is none of them."""
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[x for one in runs if (x := run_id(one))]))
    return await _listing(api, "read runs by their ids", wanted)


def ended_runs(runs: Iterable[str]) -> frozenset[str]:
    """Those that Prefect says have ended. What it does not know, or cannot say now, is not among
    them: then their leases decide."""
    wanted = [one for one in runs if run_id(one)]
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
    return run_of(found[0]) if found else None


async def recent(api: Api, limit: int = 200) -> list[Run]:
    """The newest runs of all flows, the newest first."""
    found = await api.ask(
        "list the newest runs",
        lambda client: client.read_flow_runs(
            sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=limit
        ),
    )
    return [run_of(one) for one in found]


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
    return [run_of(one) for one in found]


async def ended_since(api: Api, deployments: Iterable[UUID], since: datetime) -> list[Run]:
    """The runs of some deployments that were expected since then and have ended."""
    final = FlowRunFilterStateType(any_=[StateType(one) for one in sorted(FINAL)])
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=list(deployments)),
        expected_start_time=FlowRunFilterExpectedStartTime(after_=since),
        state=FlowRunFilterState(type=final),
    )
    return await _listing(api, "list the runs of deployments that have ended", wanted)


async def tagged(api: Api, deployment: str, tags: Iterable[str], *, since: datetime) -> list[Run]:
    """The runs of a deployment that have all of these tags and were expected since then, the
    newest first."""
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=list(tags)),
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment)]),
        expected_start_time=FlowRunFilterExpectedStartTime(after_=since),
    )
    return await _listing(api, f"list the runs of deployment {deployment}", wanted)


async def scheduled(api: Api, deployment: str, tags: Iterable[str]) -> list[Run]:
    """The runs of a deployment that have all of these tags and have not begun, the newest first."""
    states = FlowRunFilterStateType(any_=[StateType(SCHEDULED)])
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=list(tags)),
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment)]),
        state=FlowRunFilterState(type=states),
    )
    return await _listing(api, f"list the runs of deployment {deployment} to come", wanted)


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


async def suspended(api: Api, pool: str = "") -> list[Run]:
    """The runs of a work pool, or of all, that have been suspended, to wait for an answer."""
    name = FlowRunFilterStateName(any_=["Suspended"])
    wanted = FlowRunFilter(state=FlowRunFilterState(name=name))
    return await _listing(
        api, "list the suspended runs" + (f" of pool {pool}" if pool else ""), wanted, pool=pool
    )
