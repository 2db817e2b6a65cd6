"""Tell the host of the repository how a release stands. Whatever comes of it, the release is what
it is: a failure is said once in the run's log.

While a commit says "pending" its run has a tag, and keeps where: whoever finds that run ended tells
the host in its place (spotkiln.tasks.keep.telling).
"""

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE

from spotkiln.errors import SpotkilnError
from spotkiln.hosts_api import send
from spotkiln.prefect_api import note, secret
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api.connection import Connection, connected
from spotkiln.release.on_commit import NOTE, PENDING_TAG, Pending, Report, Standing, find
from spotkiln.release.release import Release, ReleaseSpec
from spotkiln.show.hosts import say as words
from spotkiln.tasks.step import say

UNFINISHED = {Standing.STARTED, Standing.WAITING}


class Teller:
    """Tells the host of one run. What it has failed at once is not said again."""

    def __init__(self, spec: ReleaseSpec) -> None:
        self._spec = spec
        self._failed = False

    def started(self, release: Release) -> None:
        self._tell(release, *words.started(release))

    def waits(self, release: Release, why: str) -> None:
        self._tell(release, Standing.WAITING, why)

    def ended(self, release: Release) -> None:
        self._tell(release, *words.ended(release.outcome))

    def _tell(self, release: Release, standing: Standing, text: str) -> None:
        if not (self._spec.on_commit.secret and release.commit):
            return
        report = Report(
            commit=release.commit,
            ref=self._spec.app.ref,
            environment=self._spec.on_commit.environment or release.deployment or release.app,
            standing=standing,
            description=text,
            run=release.run,
            url=release.url,
            address=release.site if self._spec.infra.address else "",
        )
        try:
            tell_host(self._spec, report)
        except Exception as error:  # noqa: BLE001 - whatever it is, the release is what it is
            if not self._failed:
                say(
                    f"the commit does not tell of this release: {_in_words(error)}", logging.WARNING
                )
            self._failed = True


def _in_words(error: Exception) -> str:
    """An error of ours says it; another's own words may hold anything."""
    return str(error) if isinstance(error, SpotkilnError) else type(error).__name__


def _keep(prefect: Connection, run: str, report: Report, made: str) -> None:
    kept = Pending(
        commit=report.commit, ref=report.ref, environment=report.environment, deployment=made
    )
    prefect.ask(note.write, run, NOTE, kept.model_dump_json())


@task(name="tell the host", task_run_name="tell the host", cache_policy=NO_CACHE, retries=0)
def tell_host(spec: ReleaseSpec, report: Report) -> None:
    """Tell it, and keep with the run what is still to be told."""
    run = report.run
    repository = find(spec.on_commit, spec.app.repository)
    with connected() as prefect:
        kept = prefect.ask(note.read, run, NOTE)
        before = Pending.model_validate_json(kept) if kept else None
        token = prefect.ask(secret.read, spec.on_commit.secret)
        pending = report.standing in UNFINISHED
        if pending and not before:
            # First of all: a process that is killed from here on must be found.
            _keep(prefect, run, report, "")
            prefect.ask(runs.tag, run, PENDING_TAG, on=True)
        known = before.deployment if before else None
        made = send.report(repository, report, known, token)
        if pending and made != known:
            _keep(prefect, run, report, made)
        if not pending and before:
            prefect.ask(runs.tag, run, PENDING_TAG, on=False)
