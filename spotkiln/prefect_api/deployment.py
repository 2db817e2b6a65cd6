"""Deployments in Prefect."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse

from spotkiln.errors import NotInPrefect
from spotkiln.prefect_api.connection import Api
from spotkiln.start.deployment import ROLE_ARN, Account, Deployment


def _role(found: DeploymentResponse) -> str:
    """What its job variables say; Prefect takes any shape there."""
    variables = (found.job_variables or {}).get("env")
    return str(variables.get(ROLE_ARN) or "") if isinstance(variables, Mapping) else ""


def _of(flow: str, found: DeploymentResponse) -> Deployment:
    return Deployment(
        id=found.id,
        name=f"{flow}/{found.name}",
        pool=found.work_pool_name or "",
        role=_role(found),
        queue=found.work_queue_name or "",
        ready=None if found.status is None else found.status.value == "READY",
        paused=found.paused,
        schedules=sum(one.active for one in found.schedules),
        tags=tuple(found.tags),
        parameters=found.parameters,
    )


async def listing(api: Api, flow: str) -> list[Deployment]:
    """All deployments of a flow, by name."""
    found = await api.pages(
        f"list the deployments of {flow}",
        lambda client, limit, offset: client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])), limit=limit, offset=offset
        ),
    )
    return sorted((_of(flow, one) for one in found), key=lambda one: one.name)


async def _read(api: Api, ident: UUID) -> DeploymentResponse:
    return await api.ask(
        f"read the deployment {ident}", lambda client: client.read_deployment(ident)
    )


async def account_of(api: Api, ident: UUID) -> Account:
    """
    Raises:
        NotInPrefect: there is no such deployment any more.
    """
    found = await _read(api, ident)
    return Account(pool=found.work_pool_name or "", role=_role(found))


async def name_of(api: Api, ident: UUID) -> str:
    """Its own name, without the flow's.

    Raises:
        NotInPrefect: there is no such deployment any more.
    """
    return (await _read(api, ident)).name


async def delete(api: Api, deployment: Deployment) -> None:
    """With its schedules, and its runs that have not begun. Gone already is no error."""
    with suppress(NotInPrefect):
        await api.ask(
            f"delete the deployment {deployment.name}",
            lambda client: client.delete_deployment(deployment.id),
        )


async def change(api: Api, deployment: Deployment, parameters: Mapping[str, Any]) -> None:
    """Give it other parameters."""
    update = DeploymentUpdate(parameters=dict(parameters))
    await api.ask(
        f"update the deployment {deployment.name}",
        lambda client: client.update_deployment(deployment.id, update),
    )


async def find(api: Api, flow: str, name: str) -> Deployment:
    """By its own name, without the flow's.

    Raises:
        NotInPrefect: there is none.
    """
    full = f"{flow}/{name}"
    if "/" in name:
        raise NotInPrefect(f"no deployment {full} in Prefect: no name of one has a slash")
    found = await api.ask(
        f"find the deployment {full}", lambda client: client.read_deployment_by_name(full)
    )
    return _of(flow, found)
