"""Artifacts in Prefect, as they are read; steps make them with Prefect's own functions."""

import json
from typing import Any
from uuid import UUID

from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    ArtifactFilterType,
)
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort

from spotkiln.noun import Noun
from spotkiln.prefect_api import ui
from spotkiln.prefect_api.connection import Api


class Progress(Noun):
    """How far something is, in percent."""

    what: str
    percent: float


async def progress(api: Api, run: str) -> Progress | None:
    """The newest progress that a run has shown; None if it has shown none."""
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(run)]),
        type=ArtifactFilterType(any_=["progress"]),
    )
    found = await api.ask(
        f"read the progress of run {run}",
        lambda client: client.read_artifacts(
            artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1
        ),
    )
    if not found or not isinstance(found[0].data, int | float):
        return None
    return Progress(what=found[0].description or "", percent=found[0].data)


async def _newest(api: Api, key: str) -> Artifact | None:
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    found = await api.ask(
        f"read the artifact {key}",
        lambda client: client.read_artifacts(
            artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1
        ),
    )
    return found[0] if found else None


async def latest(api: Api, key: str) -> Any:
    """What the newest artifact of that key holds; None if there is none."""
    found = await _newest(api, key)
    return found.data if found else None


async def page_of(api: Api, key: str) -> str:
    """The page of the newest artifact of that key in the UI that opens by default; empty if there
    is none, or if Prefect knows of no UI."""
    found, base = await _newest(api, key), ui.address()
    return f"{base}/artifacts/artifact/{found.id}" if found and base else ""


async def table(api: Api, key: str) -> list[dict[str, Any]]:
    """The rows of the newest table of that key; none if there is no such table."""
    data = await latest(api, key)
    rows = json.loads(data) if isinstance(data, str) else data
    return list(rows) if isinstance(rows, list) else []
