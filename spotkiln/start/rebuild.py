"""Rebuild: one application of a night is released by a run of its own, which is followed here."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.release.release import Outcome
from spotkiln.release.result import Result
from spotkiln.release.trigger import Trigger, tags_of
from spotkiln.start.night import NightOutcome, NightSpec, Rebuilt
from spotkiln.start.run import CANCELLED, COMPLETED, Run

# A release may wait for its turn, bake, test, wait for capacity and drain.
RELEASE_SECONDS = 8 * 3600
# Prefect's name for a scheduled run whose time has come and that no worker has taken.
LATE = "Late"
# Of a run without success these say more than that it failed.
NO_SUCCESS = {Outcome.ROLLED_BACK, Outcome.CANCELLED}
LOOKS = Backoff(first=1.0, factor=1.2, maximum=10.0)


class Releases(Protocol):
    """Runs of the flow `release` in Prefect, as far as a night needs them."""

    def start(self, application: str, tags: Iterable[str], key: str) -> Run:
        """A run of that deployment; the one of that idempotency key, if it was started before."""

    def read(self, run: str) -> Run: ...

    def result(self, run: str) -> Result | None:
        """How the release ended; None if its run left nothing that can be read."""

    def page(self, run: str) -> str:
        """The run's page in the UI, or nothing."""


def rebuilt_of(application: str, run: Run, result: Result | None, url: str) -> Rebuilt:
    """From the run, once it has ended, and the result that it left. A run without success is
    `failed`, whatever it left, if it was neither rolled back nor cancelled; one that waits for the
    end of a freeze is `frozen`."""
    if run.frozen:
        return Rebuilt(
            application=application,
            outcome=Outcome.FROZEN,
            cause=run.message,
            run=run.id,
            url=url,
        )
    good = run.state == COMPLETED
    outcome = result.outcome if result else Outcome.RELEASED
    bad = outcome if outcome in NO_SUCCESS else Outcome.FAILED
    if run.state in CANCELLED:
        bad = Outcome.CANCELLED
    cause = (result.cause if result else "") or run.message
    return Rebuilt(
        application=application,
        outcome=outcome if good else bad,
        cause="" if good and outcome != Outcome.HELD else cause,
        run=run.id,
        url=url,
    )


def follow(run: str, releases: Releases, *, clock: Clock, say: Callable[[str], None]) -> Run:
    """The run, once it has ended or waits for the end of a freeze. Says once when no worker takes
    it.

    Raises:
        DeadlineExceeded: it had not ended in time; it goes on.
    """
    said = ""

    def look() -> Done[Run] | Waiting:
        nonlocal said
        found = releases.read(run)
        if found.final or found.frozen:
            return Done(found)
        if found.state_name == LATE and said != LATE:
            say(f"no worker takes run {found.name}: has {found.pool} one with room for another?")
        said = found.state_name
        return Waiting(said)

    return poll(
        look,
        what=f"release run {run} to end (it goes on)",
        deadline_seconds=RELEASE_SECONDS,
        clock=clock,
        backoff=LOOKS,
    )


def rebuild(
    application: str,
    spec: NightSpec,
    night: str,
    releases: Releases,
    *,
    now: datetime,
    clock: Clock,
    say: Callable[[str], None],
) -> Rebuilt:
    """Release the application, and what came of it. `night` is the night's id: asked again in the
    same night, this follows the same run. Nothing is started in quiet hours."""
    quiet = spec.quiet
    if quiet and quiet.hold(now):
        return Rebuilt(
            application=application,
            outcome=NightOutcome.QUIET,
            cause=f"not started, for it is quiet from {quiet}",
        )
    tags = tags_of(Trigger(kind="nightly"))
    started = releases.start(application, tags, f"{night}/{application}")
    ended = follow(started.id, releases, clock=clock, say=say)
    result, url = releases.result(ended.id), releases.page(ended.id)
    return rebuilt_of(application, ended, result, url)


def or_failed(application: str, got: object) -> Rebuilt:
    """What came of a rebuild that answered `got`: what it returned, or the error that ended it."""
    if isinstance(got, Rebuilt):
        return got
    return Rebuilt(application=application, outcome=Outcome.FAILED, cause=str(got))
