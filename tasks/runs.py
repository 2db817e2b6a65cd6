"""What Prefect knows of this run, and of others."""

import logging
from collections.abc import Iterable
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.utilities.urls import url_for

from spotkiln.release.trigger import Trigger, trigger_of
from spotkiln.start.order import PushRun, superseded_by
from spotkiln.start.push import PUSHED
from spotkiln.tasks.step import say


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


def page_of(run: str) -> str:
    """A run's page in the UI; empty if Prefect knows of no UI."""
    try:
        return url_for("flow-run", obj_id=UUID(run)) or ""
    except ValueError:
        return ""


def started_by() -> Trigger:
    """Who or what started this run; `unknown` where Prefect does not tell."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None:
        return Trigger()
    creator = run.created_by
    found = trigger_of(
        tags=run.tags,
        creator=(creator and creator.type) or "",
        creator_name=(creator and creator.display_value) or "",
        parent=run.parent_task_run_id is not None,
        deployed=run.deployment_id is not None,
    )
    # Only the first state's words tell a form that was filled in from a program's request.
    if found.kind != "api":
        return found
    try:
        with get_client(sync_client=True) as client:
            states = client.read_flow_run_states(run.id)
    except (PrefectException, httpx.HTTPError, OSError):
        return Trigger()
    first = min(states, key=lambda one: one.timestamp, default=None)
    message = first.message if first else None
    return trigger_of(tags=run.tags, first_message=message, deployed=True)


def rename(name: str) -> None:
    """Give this run another name. A run that keeps its old one is no failure."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(context.flow_run.id, name=name)
    except (PrefectException, httpx.HTTPError, OSError) as error:
        say(f"could not rename this run to {name!r}: {error}", logging.WARNING)


def _push_runs(runs: Iterable[FlowRun]) -> list[PushRun]:
    return [
        PushRun(id=str(run.id), created=run.created, state=run.state.type.value)
        for run in runs
        if run.created and run.state
    ]


def newer_push(run: str) -> str:
    """Why this run gives way: a newer push of the same repository and branch to the same deployment
    is released in its place. Empty if there is none, or if Prefect cannot say now."""
    try:
        with get_client(sync_client=True) as client:
            own = client.read_flow_run(UUID(run))
            pushed = [tag for tag in own.tags if tag.startswith(PUSHED)]
            if not pushed or own.deployment_id is None:
                return ""
            found = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(
                    tags=FlowRunFilterTags(all_=pushed),
                    deployment_id=FlowRunFilterDeploymentId(any_=[own.deployment_id]),
                ),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=200,
            )
    except (PrefectException, httpx.HTTPError, OSError, ValueError):
        return ""
    mine = _push_runs([own])
    newer = superseded_by(mine[0], _push_runs(found)) if mine else None
    return f"gave way to run {newer.id} of a newer push" if newer else ""
