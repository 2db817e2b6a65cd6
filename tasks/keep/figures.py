"""The page of figures, once a day."""

import logging
from datetime import UTC, datetime

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from spotkiln.prefect_api import artifact, figures
from spotkiln.prefect_api.connection import ask
from spotkiln.show.chart import page
from spotkiln.tasks.step import say

KEY = "figures"


@task(name="publish figures", task_run_name="publish figures", cache_policy=NO_CACHE, retries=0)
def publish_figures() -> bool:
    """As an artifact, unless there is one of today, or nothing was released ever; whether it was
    made. Nothing fails by it."""
    today = f"until {datetime.now(UTC):%Y-%m-%d}"
    try:
        last = str(ask(artifact.latest, KEY) or "")
        if today in last:
            return False
        found = ask(figures.all_of)
        if not (last or any(one.releases or one.stopped for one in found)):
            return False
        create_markdown_artifact(
            key=KEY,
            markdown=page(found),
            description="How often, how fast and how well is released",
        )
    except Exception as error:  # noqa: BLE001 - reconcile has better things to do
        say(f"could not publish the figures: {error}", logging.WARNING)
        return False
    return True
