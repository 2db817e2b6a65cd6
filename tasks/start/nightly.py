"""A nightly run's steps beside the base image: whether, which applications, and their releases."""

import logging
from collections.abc import Iterator
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

from spotkiln.bake.base import base_id, changes
from spotkiln.bake.image import Image
from spotkiln.errors import RebuildFailed, SpotkilnError
from spotkiln.poll import Backoff, Done, Waiting, poll
from spotkiln.prefect_api import deployment, variable
from spotkiln.prefect_api import result as results
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api.connection import Connection, ask, connected
from spotkiln.prefect_api.run import page_of
from spotkiln.release.release import Outcome
from spotkiln.release.trigger import Trigger, tags_of
from spotkiln.start.deployment import RELEASE
from spotkiln.start.night import (
    Night,
    NightOutcome,
    NightSpec,
    Rebuilt,
    chosen,
    is_on,
    night_page,
    rebuilt_of,
)
from spotkiln.start.run import Run
from spotkiln.tasks.bake.base import Baked
from spotkiln.tasks.step import CLOCK, STEP, say
from spotkiln.workdir import leave_folder, run_folder

# A release may wait for its turn, bake, test, wait for capacity and drain.
RELEASE_SECONDS = 8 * 3600


class NightRecord:
    """What is known of a nightly run so far."""

    def __init__(self, spec: NightSpec) -> None:
        self.run = str(flow_run.id or uuid4())
        self.id = base_id(self.run)
        self.folder: Path = run_folder(self.id)
        self.spec = spec
        self.started = datetime.now(UTC)
        self.outcome = NightOutcome.FAILED
        self.why = ""
        self.base: Image | None = None
        self.changed = ""
        self.applications: list[Rebuilt] = []
        self.pruned: list[str] = []
        self.undone: list[str] = []

    def ends(self, outcome: NightOutcome, why: str) -> bool:
        """Set what the run ends with. True, for whoever asked whether it is so."""
        self.outcome, self.why = outcome, why
        return True

    def is_off(self) -> bool:
        name = self.spec.switch
        if not name or read_switch(name):
            return False
        return self.ends(NightOutcome.OFF, f"the Prefect variable {name} is off: nothing was done")

    def is_quiet(self, what: str) -> bool:
        quiet = self.spec.quiet
        if quiet is None or not quiet.hold(datetime.now(UTC)):
            return False
        return self.ends(NightOutcome.QUIET, f"quiet hours {quiet}: {what}")

    def is_unchanged(self, baked: Baked, current: Image | None) -> bool:
        self.changed = changes(baked.fingerprint, current)
        if current is None or self.changed:
            return False
        self.base = current
        why = f"the new base image holds what {current.id} holds, and was discarded"
        return self.ends(NightOutcome.UNCHANGED, why)

    def undoing(self) -> None:
        say("undoing what was made of the new base image", logging.WARNING)

    def promoted(self, base: Image) -> None:
        self.base, self.outcome = base, NightOutcome.REBUILT
        self.why = f"{base.id} is the base image from now on"

    def may_release(self) -> bool:
        if self.outcome is NightOutcome.UNCHANGED and self.spec.even_if_unchanged:
            self.ends(NightOutcome.REBUILT, f"{self.why}; the applications were to be released")
        return self.outcome is NightOutcome.REBUILT

    def to_night(self) -> Night:
        return Night(
            id=self.id,
            run=self.run,
            outcome=self.outcome,
            why=self.why,
            base=self.base,
            changed=self.changed,
            applications=tuple(self.applications),
            pruned=tuple(self.pruned),
            started=self.started,
            ended=datetime.now(UTC),
        )

    def end(self) -> "State[Night]":
        """Completed, under the name of what came of it."""
        return Completed(
            name=self.outcome.capitalize(), message=self.why or None, data=self.to_night()
        )


@task(name="read switch", **STEP)
def read_switch(name: str) -> bool:
    """Whether the Prefect variable of that name is on; it is as long as nobody has made it.

    Raises:
        InputError: it says neither on nor off.
    """
    found = ask(variable.read, name)
    return is_on(found.value if found else None)


@task(name="find applications", **STEP)
def find_applications(spec: NightSpec, base: str) -> list[str]:
    """The deployments of `release` to rebuild on images of that name.

    Raises:
        InputError: one that was named is not there.
    """
    deployed = {one.short: one.parameters for one in ask(deployment.listing, RELEASE)}
    names = chosen(deployed, spec.applications, base)
    say(f"to be rebuilt if the base image changes: {', '.join(names) or 'no application'}")
    return names


def _ended(prefect: Connection, run: str) -> Run:
    said = ""

    def final() -> Done[Run] | Waiting:
        nonlocal said
        found = prefect.ask(runs.read, run)
        if found.final:
            return Done(found)
        if found.state_name == "Late" and found.state_name != said:
            say(f"no worker takes run {found.name}: has {found.pool} one with room for another?")
        said = found.state_name
        return Waiting(said)

    return poll(
        final,
        what=f"release run {run} to end (it goes on)",
        deadline_seconds=RELEASE_SECONDS,
        clock=CLOCK,
        backoff=Backoff(first=1.0, factor=1.2, maximum=10.0),
    )


@task(name="rebuild", task_run_name="rebuild {application}", **STEP)
def rebuild(application: str, spec: NightSpec, night: str) -> Rebuilt:
    """Run `release/<application>` to its end. Tried again, it follows the same run."""
    quiet = spec.quiet
    if quiet and quiet.hold(datetime.now(UTC)):
        return Rebuilt(
            application=application,
            outcome=NightOutcome.QUIET,
            cause=f"not started, for it is quiet from {quiet}",
        )
    key = f"{night}/{application}"
    tags = tags_of(Trigger(kind="nightly"))
    with connected() as prefect:
        wanted = prefect.ask(deployment.find, RELEASE, application)
        # No subflow: Prefect could not suspend it for an approval, and it would keep its slot.
        started = prefect.ask(runs.start, wanted.id, parameters={}, tags=tags, key=key)
        ended = _ended(prefect, started.id)
        result = prefect.ask(results.read, ended.id)
    rebuilt = rebuilt_of(application, ended, result, page_of(ended.id))
    say(str(rebuilt), logging.ERROR if rebuilt.failed else logging.INFO)
    return rebuilt


def rebuild_all(record: NightRecord, applications: list[str]) -> None:
    """All of them, so many at a time; one that fails does not stop the others."""
    runner: ThreadPoolTaskRunner[Any]
    with ThreadPoolTaskRunner(max_workers=record.spec.side_by_side) as runner:
        shared = {"spec": record.spec, "night": record.id}
        futures: dict[str, PrefectFuture[Any]] = {
            # Its type says that only coroutines can be submitted.
            name: runner.submit(cast(Any, rebuild), {"application": name, **shared})
            for name in applications
        }
        for name, future in futures.items():
            got = future.result(raise_on_failure=False)
            record.applications.append(
                got
                if isinstance(got, Rebuilt)
                else Rebuilt(application=name, outcome="failed", cause=str(got))
            )
    if held := [x.application for x in record.applications if x.outcome == Outcome.HELD]:
        record.why += f"; held since a rollback, left alone: {', '.join(held)}"
    if late := [x.application for x in record.applications if x.outcome == NightOutcome.QUIET]:
        why = f"quiet hours {record.spec.quiet}: not started any more: {', '.join(late)}"
        record.ends(NightOutcome.QUIET, why)


def require_all(record: NightRecord) -> None:
    """
    Raises:
        RebuildFailed: with every application that failed, its cause and its run.
    """
    failed = [one for one in record.applications if one.failed]
    if failed:
        raise RebuildFailed(
            f"{len(failed)} of {len(record.applications)} applications could not be rebuilt and "
            f"serve as before: {'; '.join(map(str, failed))}"
        )


@task(name="publish night page", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=1)
def publish_night(night: Night) -> None:
    create_markdown_artifact(
        key="nightly", markdown=night_page(night), description=f"Nightly rebuild: {night.outcome}"
    )


@contextmanager
def night_recorded(spec: NightSpec) -> Iterator[NightRecord]:
    """A record that is published whatever happens; the run's folder goes with it."""
    record = NightRecord(spec)
    try:
        yield record
    except BaseException as error:
        record.outcome = NightOutcome.FAILED
        text = str(error) or type(error).__name__
        known = isinstance(error, SpotkilnError)
        record.why = text if known else f"{type(error).__name__}: {text}"
        # The first error is the one to report.
        with suppress(Exception):
            publish_night(record.to_night())
        raise
    else:
        publish_night(record.to_night())
        say(f"nightly: {record.outcome}" + (f", {record.why}" if record.why else ""))
    finally:
        leave_folder(record.folder)
