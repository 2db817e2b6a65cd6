"""What Prefect knows of other runs."""

from collections.abc import Iterable
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import PrefectException


def _ids(runs: Iterable[str]) -> list[UUID]:
    found = []
    for run in runs:
        try:
            found.append(UUID(run))
        except ValueError:
            continue
    return found


def ended_runs(runs: Iterable[str]) -> frozenset[str]:
    """Those that Prefect says have ended. What it does not know, or cannot say now, is not
    among them: then their leases decide."""
    wanted = _ids(runs)
    if not wanted:
        return frozenset()
    try:
        with get_client(sync_client=True) as client:
            known = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=wanted)), limit=200
            )
    except (PrefectException, httpx.HTTPError, OSError):
        return frozenset()
    return frozenset(str(run.id) for run in known if run.state and run.state.is_final())
