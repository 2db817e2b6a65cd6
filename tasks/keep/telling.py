"""Tell the host of the repository in the place of runs that have ended and could not: killed,
cancelled before they began again, or away when the host did not answer."""

import logging
from datetime import UTC, datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import ValidationError

from spotkiln.errors import SpotkilnError
from spotkiln.hosts_api import send
from spotkiln.prefect_api import note, run_list, secret
from spotkiln.prefect_api import result as results
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api.connection import Connection, connected
from spotkiln.release.on_commit import NOTE, PENDING_TAG, OnCommit, Pending, Report, find
from spotkiln.show.hosts import say as words
from spotkiln.start.run import Run
from spotkiln.tasks.step import say

# Older ones are left: whoever looks at so old a commit finds a later one.
DAYS = 7


@task(
    name="tell pending commits",
    task_run_name="1 look up: commits",
    cache_policy=NO_CACHE,
    retries=0,
)
def tell_pending_commits() -> int:
    """Tell how each run ended whose commit still says "pending"; how many were told. What fails is
    tried again the next time, and is no failure of this run."""
    told = 0
    since = datetime.now(UTC) - timedelta(days=DAYS)
    try:
        with connected() as prefect:
            for one in prefect.ask(run_list.ended_with_tag, PENDING_TAG, since):
                told += _tell_pending(prefect, one)
    except SpotkilnError as error:
        say(f"could not look for commits that say pending: {error}", logging.WARNING)
    return told


def _tell_pending(prefect: Connection, run: Run) -> bool:
    try:
        if kept := prefect.ask(note.read, run.id, NOTE):
            _tell(prefect, run, Pending.model_validate_json(kept))
        prefect.ask(runs.tag, run.id, PENDING_TAG, on=False)
    except (SpotkilnError, ValidationError) as error:
        why = str(error) if isinstance(error, SpotkilnError) else type(error).__name__
        say(f"the commit of run {run.name} still says pending: {why}", logging.WARNING)
        return False
    say(f"told how run {run.name} ended: {run.state_name.lower()}")
    return True


def _tell(prefect: Connection, run: Run, pending: Pending) -> None:
    asked = OnCommit.model_validate(run.parameters.get("on_commit") or {})
    repository = find(asked, str((run.parameters.get("app") or {}).get("repository", "")))
    left = prefect.ask(results.read, run.id)
    standing, text = words.ended(left.outcome) if left else words.ended_as(run.state_name)
    report = Report(
        commit=pending.commit,
        ref=pending.ref,
        environment=pending.environment,
        standing=standing,
        description=text,
        run=run.id,
        url=runs.page_of(run.id),
    )
    token = prefect.ask(secret.read, asked.secret)
    send.report(repository, report, pending.deployment, token)
