"""Deployments in Prefect: an application's settings are those that its releases run with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectException, PrefectHTTPStatusError
from prefect.settings import get_current_settings
from pydantic import ValidationError

from spotkiln.bake.source import without_credentials
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec

RELEASE = "release"
ROLLBACK = "rollback"
# The work queue of what must not wait for a slot: rollbacks and reconcile (prefect.yaml).
URGENT = "urgent"


class Deployment(Noun):
    """`ready`: whether a worker polls its pool; None if Prefect does not say."""

    id: UUID
    name: str
    pool: str = ""
    queue: str = ""
    ready: bool | None = None
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies defaults

    def at_ref(self, ref: str) -> "Deployment":
        """The same with another git ref; empty: the same."""
        if not ref:
            return self
        app = {**self.parameters.get("app", {}), "ref": ref}
        return self.model_copy(update={"parameters": {**self.parameters, "app": app}})

    def spec(self) -> ReleaseSpec:
        """What its releases are asked for.

        Raises:
            InputError: its parameters are not a release's.
        """
        known = {x: self.parameters[x] for x in ReleaseSpec.model_fields if x in self.parameters}
        try:
            return ReleaseSpec.model_validate(known)
        except ValidationError as error:
            raise InputError(
                f"not the parameters of a release: {self.name}: {error}; "
                "mend what was given, or prefect.yaml and deploy again"
            ) from error


def address() -> str:
    """Of Prefect's API.

    Raises:
        InputError: none is set; Prefect would start a server of its own for this command.
    """
    url = get_current_settings().api.url
    if not url:
        raise InputError(
            "no Prefect server is set: set PREFECT_API_URL, or `prefect config set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api`"
        )
    return url


@contextmanager
def prefect() -> Iterator[SyncPrefectClient]:
    """A client of Prefect's API; what goes wrong inside comes out as our errors."""
    url = address()
    try:
        with get_client(sync_client=True) as client:
            yield client
    except BrokenPipeError:
        # Not Prefect's: whoever reads our output has gone.
        raise
    except PrefectHTTPStatusError as error:
        said = without_credentials(error.response.text)[:500]
        code = error.response.status_code
        if code in {409, 422}:
            raise InputError(f"Prefect refused it ({code}): {said}") from error
        raise InfrastructureError(f"Prefect at {url} answered {code}: {said}") from error
    except (httpx.HTTPError, OSError, PrefectException) as error:
        raise InfrastructureError(f"cannot reach Prefect at {url}: {error}") from error


def _of(flow: str, found: DeploymentResponse) -> Deployment:
    return Deployment(
        id=found.id,
        name=f"{flow}/{found.name}",
        pool=found.work_pool_name or "",
        queue=found.work_queue_name or "",
        ready=None if found.status is None else found.status.value == "READY",
        tags=tuple(found.tags),
        parameters=found.parameters,
    )


def listing(flow: str) -> list[Deployment]:
    """All deployments of a flow, by name."""
    with prefect() as client:
        found = client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])), limit=200
        )
    return sorted((_of(flow, one) for one in found), key=lambda one: one.name)


def find(flow: str, name: str) -> Deployment:
    """By its name, with or without the flow's before it.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    short = name.removeprefix(f"{flow}/")
    try:
        with prefect() as client:
            return _of(flow, client.read_deployment_by_name(f"{flow}/{short}"))
    except InfrastructureError as error:
        if not isinstance(error.__cause__, ObjectNotFound):
            raise
        known = ", ".join(one.name for one in listing(flow)) or "none"
        raise InputError(
            f"no deployment {flow}/{short}; there are: {known}. Name one of these, or add a "
            "stanza to prefect.yaml and `prefect --no-prompt deploy --all`"
        ) from error


def spec_of(name: str) -> ReleaseSpec:
    """The settings with which an application is released."""
    return find(RELEASE, name).spec()
