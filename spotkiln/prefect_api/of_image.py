"""What is kept of an image for as long as it is there: its SBOM, and what is known of it.

In Prefect's words they are artifacts of no run: they stay when runs are deleted, any host can read
them, and each is one text.
"""

import contextlib
from collections.abc import Iterable
from enum import StrEnum

from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort

from spotkiln.errors import NotInPrefect
from spotkiln.prefect_api.connection import Api


class What(StrEnum):
    SBOM = "sbom"
    VULNERABILITIES = "vulnerabilities"

    def key(self, image: str) -> str:
        return f"{self}-{image}"


async def write(api: Api, what: What, image: str, text: str) -> None:
    """Keep it, in the place of an earlier one of that image."""
    key = what.key(image)
    earlier = await _found(api, [key])
    kept = ArtifactCreate(key=key, type=what.value, description=f"{what} of {image}", data=text)
    await api.ask(f"keep the {what} of {image}", lambda client: client.create_artifact(kept))
    await _delete(api, earlier)


async def read(api: Api, what: What, image: str) -> str | None:
    """None if none is kept."""
    found = await _found(api, [what.key(image)])
    return str(found[0].data) if found else None


async def forget(api: Api, images: Iterable[str]) -> None:
    """These images have gone."""
    keys = [what.key(image) for image in images for what in What]
    if keys:
        await _delete(api, await _found(api, keys))


async def _found(api: Api, keys: list[str]) -> list[Artifact]:
    """The newest first."""
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=keys))
    return await api.ask(
        f"read the artifacts {', '.join(keys)}",
        lambda client: client.read_artifacts(
            artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC
        ),
    )


async def _delete(api: Api, artifacts: Iterable[Artifact]) -> None:
    for one in artifacts:
        with contextlib.suppress(NotInPrefect):
            await _delete_one(api, one)


async def _delete_one(api: Api, artifact: Artifact) -> None:
    await api.ask(
        f"delete the artifact {artifact.key}",
        lambda client: client.delete_artifact(artifact.id),
    )
