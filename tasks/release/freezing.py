"""Wait for the end of a freeze: the run's process ends, and Prefect starts the run anew then.

Of the runs of a deployment that wait, the newest one releases; the others give way to it.
"""

import logging
from datetime import UTC, datetime
from uuid import UUID

from prefect.exceptions import Pause
from prefect.runtime import flow_run

from spotkiln.errors import SpotkilnError
from spotkiln.prefect_api import note, run_list
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api.connection import connected
from spotkiln.release.freeze import Frozen, frozen
from spotkiln.release.happening import GlassBroken
from spotkiln.release.release import EndsEarly, Outcome
from spotkiln.start.order import needless_when_frozen, superseded_after_freeze
from spotkiln.start.run import FROZEN
from spotkiln.tasks.release import leaving
from spotkiln.tasks.release.run import ReleaseRun
from spotkiln.tasks.step import say

# The note of a run that has waited for the end of a freeze.
WAITED_KEY = "waited-for-freeze"
SUPERSEDED = "Superseded"
# So many of the newest runs are looked at.
MOST = 100


def in_prefect() -> bool:
    """Whether this is a run that Prefect knows."""
    return bool(flow_run.id)


def wait_if_frozen(run: ReleaseRun) -> None:
    """Go on if nothing is frozen, or if a person breaks the freeze.

    Raises:
        Pause: the run waits; Prefect starts it anew at the end of the freeze.
        EndsEarly: a newer run is released in its place; or nobody can start this one anew.
    """
    if not run.spec.freeze:
        return
    found = frozen(run.spec.freeze, datetime.now(UTC))
    if found is None:
        _end_if_newer_waited(run.flow_run)
    elif run.spec.break_glass:
        _break(run, found)
    elif leaving.can_be_started_anew():
        _wait(run, found)
    else:
        raise EndsEarly(Outcome.FROZEN, f"{found}; start it again then")


def _break(run: ReleaseRun, found: Frozen) -> None:
    """It is asked for again once the release has its turn: that is told once."""
    if run.book.last(GlassBroken) is None:
        run.note(GlassBroken(frozen=str(found), who=run.spec.break_glass))
        say(f"{found}; released even so by {run.spec.break_glass}", logging.WARNING)


def _wait(run: ReleaseRun, found: Frozen) -> None:
    own = run.flow_run
    with connected() as prefect:
        me = prefect.ask(runs.read, own)
        waiting = prefect.ask(run_list.named_so, me.deployment, FROZEN)
        if newer := superseded_after_freeze(me, waiting):
            raise EndsEarly(Outcome.SUPERSEDED, f"{found}; run {newer.id} is newer, and waits")
        prefect.ask(note.write, own, WAITED_KEY, str(found))
        message = f"{found}. It starts by itself then, unless a newer one comes"
        state = prefect.ask(runs.put_off, own, until=found.until, name=FROZEN, message=message)
        for one in needless_when_frozen(me, waiting):
            why = f"a newer run waits for the end of the freeze: run {own}"
            prefect.ask(runs.cancel, one.id, name=SUPERSEDED, message=why)
            say(f"run {one.id} ({one.name}) is superseded: this one is newer")
    say(message)
    run.waits(message)
    leaving.leaves(own)
    raise Pause(state=state)


def _end_if_newer_waited(own: str) -> None:
    """After a freeze: what came later counts, though it may have waited for another window, or
    been released by a person who broke the freeze."""
    if not in_prefect():
        return
    try:
        with connected() as prefect:
            if prefect.ask(note.read, own, WAITED_KEY) is None:
                return
            me = prefect.ask(runs.read, own)
            others = prefect.ask(run_list.newest_of, [UUID(me.deployment)], MOST)
    except SpotkilnError as error:
        say(f"could not look for newer runs: {error}", logging.WARNING)
        return
    if newer := superseded_after_freeze(me, others):
        raise EndsEarly(
            Outcome.SUPERSEDED, f"gave way to run {newer.id} ({newer.name}): it is newer"
        )
