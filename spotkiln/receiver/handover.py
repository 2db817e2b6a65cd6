"""Hands pushes to Prefect: reads what listens, creates the runs, cancels those made needless."""

import logging
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectException, PrefectHTTPStatusError
from prefect.states import Cancelled
from prefect.utilities.urls import url_for

from spotkiln.bake.source import without_credentials
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.receiver.aliases import Aliases
from spotkiln.receiver.spool import Outcome, Run
from spotkiln.receiver.tell import tell
from spotkiln.start.hooks import Hooks
from spotkiln.start.order import Place, PushRun, needless, place
from spotkiln.start.push import PUSHED, Listener, Push, Start, Subscription, plan

FLOW = "release"
PAGE = 200
# Prefect's word on the run itself, which stays the same however often it is asked.
REFUSED = {400, 409, 422}
SUPERSEDED = "Superseded"
log = logging.getLogger("spotkiln.receiver")


class PrefectAway(InfrastructureError):
    """Prefect does not answer: what waits goes on waiting."""


def _listener(deployment: DeploymentResponse) -> Listener | None:
    """None if it does not listen, or says so in words that nobody knows."""
    name = f"{FLOW}/{deployment.name}"
    app = deployment.parameters.get("app")
    try:
        to = Subscription.from_tags(deployment.tags)
    except InputError as error:
        log.warning("%s does not listen: %s", name, error)
        return None
    if not to.listens or not isinstance(app, dict):
        return None
    return Listener(id=str(deployment.id), name=name, to=to, app=app)


async def listeners(client: PrefectClient) -> list[Listener]:
    """The deployments of the flow `release` that have tags push:…"""
    found: list[DeploymentResponse] = []
    while True:
        page = await client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
            limit=PAGE,
            offset=len(found),
        )
        found += page
        if len(page) < PAGE:
            return [one for one in map(_listener, found) if one]


def _push_run(run: FlowRun) -> PushRun:
    if run.created is None or run.state is None:
        raise InfrastructureError(f"Prefect told no state of run {run.id}")
    return PushRun(id=str(run.id), created=run.created, state=run.state.type.value)


async def _scheduled(client: PrefectClient, start: Start) -> list[PushRun]:
    found = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            tags=FlowRunFilterTags(all_=[x for x in start.tags if x.startswith(PUSHED)]),
            deployment_id=FlowRunFilterDeploymentId(any_=[UUID(start.deployment)]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        ),
        limit=PAGE,
    )
    return [_push_run(run) for run in found]


async def _begin(client: PrefectClient, start: Start) -> Run:
    """Create the run, or find the one that was created before; cancel what it makes needless.

    A state of its own name: `Cancelled` would start a reconcile, and nothing has been made yet.
    """
    run = await client.create_flow_run_from_deployment(
        UUID(start.deployment),
        parameters=start.parameters,
        idempotency_key=start.idempotency_key,
        tags=start.tags,
    )
    for one in needless(_push_run(run), await _scheduled(client, start)):
        state: State[None] = Cancelled(name=SUPERSEDED, message=f"a newer push came: run {run.id}")
        await client.set_flow_run_state(UUID(one.id), state)
        log.info("cancelled run %s of %s: run %s is of a newer push", one.id, start.name, run.id)
    url = url_for("flow-run", obj_id=run.id) or f"{client.api_url}flow_runs/{run.id}"
    return Run(deployment=start.name, id=str(run.id), url=url)


class HandOver:
    """`hooks`: whose word counts for which repository."""

    def __init__(self, hooks: Hooks, aliases: Aliases) -> None:
        self._hooks = hooks
        self._aliases = aliases

    async def _listeners(self, client: PrefectClient) -> list[Listener]:
        found = await listeners(client)
        names = await self._aliases.of(str(one.app.get("repository", "")) for one in found)
        return [one.model_copy(update={"names": names}) for one in found]

    async def _do(self, client: PrefectClient, push: Push, known: list[Push]) -> Outcome:
        stands = place(push, known)
        if stands is Place.OLDER:
            return Outcome(ignored=f"{stands}: a newer push of {push.what} was accepted already")
        back = stands is Place.BACK
        wanted = plan(push, await self._listeners(client), self._hooks, goes_back=back)
        runs = tuple([await _begin(client, one) for one in wanted.starts])
        await tell(client, push, wanted.concerns)
        return Outcome(runs=runs, ignored=wanted.ignored, refused=wanted.refused)

    async def __call__(self, push: Push, known: list[Push]) -> Outcome:
        """What Prefect made of it. `known`: the pushes of the same ref before it.

        Doing it again is harmless: the runs are found by their idempotency keys.

        Raises:
            PrefectAway: it did not answer, or not now.
            InfrastructureError: it failed at this very push.
        """
        try:
            async with get_client() as client:
                return await self._do(client, push, known)
        except PrefectHTTPStatusError as error:
            code = error.response.status_code
            said = without_credentials(error.response.text)[:300]
            if code in REFUSED:
                return Outcome(refused=f"Prefect refused the run ({code}): {said}")
            raise InfrastructureError(f"Prefect answered {code}: {said}") from error
        except PrefectException as error:
            raise InfrastructureError(f"{type(error).__name__}: {error}") from error
        except (httpx.HTTPError, OSError) as error:
            raise PrefectAway(
                f"Prefect does not answer: {type(error).__name__}: {error}"
            ) from error


async def answers() -> bool:
    """Does Prefect answer now?"""
    try:
        async with get_client() as client:
            return await client.api_healthcheck() is None
    except (httpx.HTTPError, OSError, PrefectException):
        return False
