"""Publish a release: its page, and its row in the table of the application's releases."""

from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from spotkiln.markup import harmless
from spotkiln.prefect_api import result
from spotkiln.prefect_api.artifact import table
from spotkiln.prefect_api.connection import ask
from spotkiln.release.release import Release
from spotkiln.release.result import Result
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


def leave_result(release: Release) -> None:
    """How it ended, for whoever started this run: the command, the night."""
    if run := flow_run.id:
        ask(result.write, run, Result.of(release))


@task(
    name="publish release page",
    task_run_name="publish release page",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=1,
)
def publish(release: Release) -> None:
    """The release's page, how it ended, and its row in the table of the application's releases; the
    oldest rows go."""
    leave_result(release)
    create_markdown_artifact(
        key=f"release-{release.id}",
        markdown=release_page(release),
        description=f"{release.app} {harmless(release.ref)}: {release.outcome}",
    )
    rows = [_row(release), *ask(table, f"releases-{release.app}")][:HISTORY_ROWS]
    create_table_artifact(
        key=f"releases-{release.app}",
        table=rows,
        description=f"The latest releases of {release.app}, newest first",
    )
