"""Publish a release: its page, and its row in the table of the application's releases."""

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from spotkiln.keep.preview import is_group
from spotkiln.markup import harmless
from spotkiln.prefect_api import artifact, result
from spotkiln.prefect_api.artifact import table
from spotkiln.prefect_api.connection import ask
from spotkiln.release.release import Outcome, Release
from spotkiln.release.result import Result
from spotkiln.show.evidence import EVIDENCE
from spotkiln.show.page import release_page
from spotkiln.show.table import with_release


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
    if release.outcome is Outcome.ROLLED_BACK:
        release = release.model_copy(
            update={"evidence": ask(artifact.page_of, f"{EVIDENCE}{release.id}")}
        )
    create_markdown_artifact(
        key=f"release-{release.id}",
        markdown=release_page(release),
        description=f"{release.app} {harmless(release.ref)}: {release.outcome}",
    )
    # Branches come and go: their releases would push the others out of the table.
    of = "previews" if is_group(release.target_group) else "releases"
    rows = with_release(ask(table, f"{of}-{release.app}"), release)
    create_table_artifact(
        key=f"{of}-{release.app}",
        table=rows,
        description=f"The latest {of} of {release.app}, newest first",
    )
