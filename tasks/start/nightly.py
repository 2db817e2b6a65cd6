"""The steps of a nightly run beside the base image: whether it runs, which applications it means,
and their releases."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from prefect import State, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from spotkiln.bake.base import base_id
from spotkiln.bake.image import Image
from spotkiln.prefect_api import deployment, variable
from spotkiln.prefect_api import night as night_results
from spotkiln.prefect_api import result as results
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api.connection import Connection, ask, connected
from spotkiln.release.result import Result
from spotkiln.start import rebuild as rebuilding
from spotkiln.start.applications import Chosen, chosen, left_out_in_words
from spotkiln.start.deployment import RELEASE
from spotkiln.start.night import Night, NightResult, NightSpec, Rebuilt, is_on, night_page
from spotkiln.start.nightbook import NightBook
from spotkiln.start.run import Run
from spotkiln.tasks.bake.base import Baked
from spotkiln.tasks.deployed import of_own_account
from spotkiln.tasks.runs import cancelled
from spotkiln.tasks.step import CLOCK, STEP, say
from spotkiln.workdir import leave_folder, run_folder


class NightRun:
    """A nightly run: its book, its folder, and what its flow asks of them."""

    def __init__(self, spec: NightSpec) -> None:
        run = str(flow_run.id or uuid4())
        ident = base_id(run)
        self.book = NightBook(id=ident, run=run, spec=spec, started=datetime.now(UTC))
        self.folder: Path = run_folder(ident)
        self.undone: list[str] = []

    def is_off(self) -> bool:
        """Whether the off switch ends the night."""
        if name := self.book.spec.switch:
            self.book = self.book.switched(on=read_switch(name))
        return self.book.outcome is not None

    def is_quiet(self, consequence: str) -> bool:
        """Whether quiet hours end the night."""
        self.book = self.book.at(datetime.now(UTC), consequence)
        return self.book.outcome is not None

    def is_unchanged(self, baked: Baked, current: Image | None) -> bool:
        """Whether the new base image holds what the current one holds."""
        self.book = self.book.baked(baked.fingerprint, current, baked.login)
        return self.book.outcome is not None

    def leaving_out(self, applications: Iterable[str]) -> None:
        self.book = self.book.leaving_out(applications)

    def undoing(self) -> None:
        say("undoing what was made of the new base image", logging.WARNING)

    def promoted(self, base: Image) -> None:
        self.book = self.book.promoted(base)

    def rebuilt(self, application: Rebuilt) -> None:
        self.book = self.book.rebuilt(application)

    def all_rebuilt(self) -> None:
        self.book = self.book.all_rebuilt()

    def pruned(self, images: Iterable[str]) -> None:
        self.book = self.book.with_pruned(images)

    def to_night(self) -> Night:
        return self.book.night(datetime.now(UTC))

    def end(self) -> "State[Night]":
        """Completed, under the name of what came of it."""
        night = self.to_night()
        return Completed(name=night.outcome.capitalize(), message=night.why or None, data=night)


@task(name="read switch", **STEP)
def read_switch(name: str) -> bool:
    """Whether the Prefect variable of that name is on. One that nobody has made counts as on.

    Raises:
        InputError: it says neither on nor off.
    """
    found = ask(variable.read, name)
    return is_on(found.value if found else None)


@task(name="find applications", **STEP)
def find_applications(spec: NightSpec, base: str) -> Chosen:
    """The deployments of `release` to rebuild on images of that name, of this account: another one
    has no such image.

    Raises:
        InputError: one that was named is not there.
    """
    with connected() as prefect:
        deployed = {one.short: one.parameters for one in of_own_account(prefect, RELEASE)}
    found = chosen(deployed, spec.applications, base)
    say(f"to be rebuilt if the base image changes: {', '.join(found.names) or 'no application'}")
    if found.left_out:
        say(left_out_in_words(found.left_out))
    return found


class _Releases:
    """Runs of the flow `release`, over an open connection."""

    def __init__(self, prefect: Connection) -> None:
        self._prefect = prefect

    def start(self, application: str, tags: Iterable[str], key: str) -> Run:
        wanted = self._prefect.ask(deployment.find, RELEASE, application)
        # No subflow: Prefect could not suspend it for an approval, and it would keep its slot.
        return self._prefect.ask(runs.start, wanted.id, parameters={}, tags=tags, key=key)

    def read(self, run: str) -> Run:
        return self._prefect.ask(runs.read, run)

    def result(self, run: str) -> Result | None:
        return self._prefect.ask(results.read, run)

    def page(self, run: str) -> str:
        return runs.page_of(run)


@task(name="rebuild", task_run_name="rebuild {application}", **STEP)
def rebuild(application: str, spec: NightSpec, night: str) -> Rebuilt:
    """Run `release/<application>` to its end. A second try follows the same run."""
    with connected() as prefect:
        rebuilt = rebuilding.rebuild(
            application,
            spec,
            night,
            _Releases(prefect),
            now=datetime.now(UTC),
            clock=CLOCK,
            say=say,
        )
    say(str(rebuilt), logging.ERROR if rebuilt.failed else logging.INFO)
    return rebuilt


def rebuild_all(night: NightRun, applications: Iterable[str]) -> None:
    """Rebuild all of them, so many at a time. One that fails does not stop the others."""
    spec = night.book.spec
    runner: ThreadPoolTaskRunner[Any]
    with ThreadPoolTaskRunner(max_workers=spec.side_by_side) as runner:
        shared = {"spec": spec, "night": night.book.id}
        futures: dict[str, PrefectFuture[Any]] = {
            # By its type, only coroutines could be submitted.
            name: runner.submit(cast(Any, rebuild), {"application": name, **shared})
            for name in applications
        }
        for name, future in futures.items():
            night.rebuilt(rebuilding.or_failed(name, future.result(raise_on_failure=False)))
    night.all_rebuilt()


@task(name="publish night page", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=1)
def publish_night(night: Night) -> None:
    create_markdown_artifact(
        key="nightly", markdown=night_page(night), description=f"Nightly rebuild: {night.outcome}"
    )


def leave_result(night: Night) -> None:
    """For whoever started the run, on any host. A process without a run in Prefect leaves none."""
    if flow_run.id:
        ask(night_results.write, night.run, NightResult.of(night))


@contextmanager
def night_recorded(spec: NightSpec) -> Iterator[NightRun]:
    """Keep the night's book, and publish it however the night ends. The run's folder is removed."""
    run = NightRun(spec)
    try:
        yield run
    except BaseException as error:
        was_told = not isinstance(error, Exception)
        by_somebody = cancelled(run.book.run) if was_told else None
        run.book = run.book.failed(error, cancelled=by_somebody)
        # The first error is the one to report.
        with suppress(Exception):
            publish_night(run.to_night())
        with suppress(Exception):
            leave_result(run.to_night())
        raise
    else:
        night = run.to_night()
        publish_night(night)
        leave_result(night)
        say(f"nightly: {night.outcome}" + (f", {night.why}" if night.why else ""))
    finally:
        leave_folder(run.folder)
