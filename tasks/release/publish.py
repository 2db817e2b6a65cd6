"""Publish a release: its page, and its row in the application's history."""

import json
from typing import Any, cast

from prefect import task
from prefect.artifacts import Artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from spotkiln.markup import harmless
from spotkiln.release.release import Release
from spotkiln.show.page import release_page

HISTORY_ROWS = 50


def _row(release: Release) -> dict[str, Any]:
    return {
        "started": f"{release.started:%Y-%m-%d %H:%M:%S}",
        "ref": harmless(release.ref),
        "commit": release.commit[:12],
        "trigger": harmless(str(release.trigger)),
        "outcome": str(release.outcome),
        "seconds": round(release.seconds, 1),
        "usd_per_hour": release.cost.per_hour if release.cost else None,
        "page": f"[{release.run[:8]}]({release.url})" if release.url else release.run,
        "image": release.image.id if release.image else "",
        "fleet": release.fleet.id if release.fleet else "",
        "release": release.id,
        # The longest comes last, where it hides nothing.
        "cause": harmless(release.cause),
    }


def history(app: str) -> list[dict[str, Any]]:
    """The rows of an application's history of releases, newest first."""
    found = cast(Artifact | None, Artifact.get(key=f"releases-{app}"))
    if found is None:
        return []
    data = found.data
    rows = json.loads(data) if isinstance(data, str) else data
    return list(rows) if isinstance(rows, list) else []


@task(
    name="publish release page",
    task_run_name="publish release page",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=1,
)
def publish(release: Release) -> None:
    """The release's page, and its row in the application's history; the oldest rows go."""
    create_markdown_artifact(
        key=f"release-{release.id}",
        markdown=release_page(release),
        description=f"{release.app} {harmless(release.ref)}: {release.outcome}",
    )
    rows = [_row(release), *history(release.app)][:HISTORY_ROWS]
    create_table_artifact(
        key=f"releases-{release.app}",
        table=rows,
        description=f"The latest releases of {release.app}, newest first",
    )
