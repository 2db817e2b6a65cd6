"""Hands pushes to Prefect: finds the deployments that listen, creates their runs, and cancels runs
that a newer push makes needless."""

import logging
from uuid import UUID

from spotkiln.errors import InfrastructureError, InputError, NotInPrefect, PrefectRefused
from spotkiln.prefect_api import deployment as deployments
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api import run_list
from spotkiln.prefect_api.connection import Api, connect, healthy
from spotkiln.receiver.aliases import Aliases
from spotkiln.receiver.spool import Handled, StartedRun
from spotkiln.receiver.tell import tell
from spotkiln.start.deployment import PREVIEW, RELEASE, Deployment
from spotkiln.start.hooks import Hooks
from spotkiln.start.order import Place, needless, place, tags_of_ref
from spotkiln.start.push import Listener, Push, Start, Subscription, plan

SUPERSEDED = "Superseded"
log = logging.getLogger("spotkiln.receiver")


def _listener(deployment: Deployment) -> Listener | None:
    """None if the deployment does not listen to pushes, or has a tag `push:…` that nobody knows."""
    app = deployment.parameters.get("app")
    try:
        to = Subscription.from_tags(deployment.tags)
    except InputError as error:
        log.warning("%s does not listen: %s", deployment.name, error)
        return None
    if not to.listens or not isinstance(app, dict):
        return None
    previews = deployment.flow == PREVIEW
    return Listener(id=str(deployment.id), name=deployment.name, to=to, app=app, previews=previews)


async def listeners(api: Api) -> list[Listener]:
    """The deployments of the flows `release` and `preview` that have tags push:…"""
    found = [
        *await deployments.listing(api, RELEASE),
        *await deployments.listing(api, PREVIEW),
    ]
    return [one for one in map(_listener, found) if one]


async def _begin(api: Api, start: Start) -> StartedRun:
    """Create the run, or find the one that was created before, and cancel the runs that it makes
    needless.

    Their state has a name of its own: `Cancelled` would start a reconcile, and nothing has been
    made yet that it could clear away.
    """
    run = await runs.start(
        api,
        UUID(start.deployment),
        parameters=start.parameters,
        tags=start.tags,
        key=start.idempotency_key,
    )
    pushed = tags_of_ref(start.tags)
    waiting = await run_list.scheduled(api, start.deployment, pushed)
    for one in needless(run, waiting):
        message = f"a newer push came: run {run.id}"
        await runs.cancel(api, one.id, name=SUPERSEDED, message=message)
        log.info("cancelled run %s of %s: run %s is of a newer push", one.id, start.name, run.id)
    url = runs.page_of(run.id) or f"{api.url}/flow_runs/{run.id}"
    return StartedRun(deployment=start.name, id=run.id, url=url)


def _refusal(error: PrefectRefused) -> str:
    return f"Prefect refused the run ({error.code}): {error.said[:300]}"


class HandOver:
    """Called with each push. `hooks` says whose word counts for which repository."""

    def __init__(self, hooks: Hooks, aliases: Aliases) -> None:
        self._hooks = hooks
        self._aliases = aliases

    async def _listeners(self, api: Api) -> list[Listener]:
        found = await listeners(api)
        names = await self._aliases.of(str(one.app.get("repository", "")) for one in found)
        return [one.model_copy(update={"names": names}) for one in found]

    async def _do(self, api: Api, push: Push, known: list[Push]) -> Handled:
        if push.deletes and known and not push.before.strip("0"):
            # Gitea does not tell what the ref was.
            push = push.model_copy(update={"before": known[-1].after})
        stands = place(push, known)
        if stands is Place.OLDER:
            return Handled(ignored=f"{stands}: a newer push of {push.what} was accepted already")
        back = stands is Place.BACK
        wanted = plan(push, await self._listeners(api), self._hooks, goes_back=back)
        runs, refused = [], [wanted.refused]
        for one in wanted.starts:
            try:
                runs.append(await _begin(api, one))
            except PrefectRefused as error:
                refused.append(f"{_refusal(error)} ({one.name})")
        await tell(api, push, wanted.concerns)
        return Handled(
            runs=tuple(runs),
            ignored=wanted.ignored,
            refused="; ".join(filter(None, refused)),
            newest=True,
        )

    async def __call__(self, push: Push, known: list[Push]) -> Handled:
        """What became of the push in Prefect. `known` are the pushes of the same ref before it.

        To call it again is harmless: the runs are found by their idempotency keys.

        Raises:
            PrefectAway: Prefect does not answer.
            InfrastructureError: Prefect failed at this very push.
        """
        try:
            async with connect() as api:
                return await self._do(api, push, known)
        except PrefectRefused as error:
            return Handled(refused=_refusal(error))
        except NotInPrefect as error:
            # The deployment was deleted meanwhile: at the next try it is not listed any more.
            raise InfrastructureError(str(error)) from error


async def answers() -> bool:
    """Does Prefect answer now?"""
    async with connect() as api:
        return await healthy(api)
