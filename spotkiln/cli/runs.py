"""Runs in Prefect: start one, follow it to its end, tell what came of it."""

import re
import time
from collections.abc import Iterator
from getpass import getuser
from typing import Any
from uuid import UUID

from spotkiln.cli.output import Voice
from spotkiln.errors import DeadlineExceeded, InputError, NotInPrefect
from spotkiln.noun import Noun
from spotkiln.prefect_api import artifact, log, run, run_list
from spotkiln.prefect_api import night as nights
from spotkiln.prefect_api import result as results
from spotkiln.prefect_api.connection import Connection, ask, connected
from spotkiln.release.freeze import BREAK_GLASS
from spotkiln.release.release import Outcome
from spotkiln.release.result import Result
from spotkiln.release.trigger import Trigger, tags_of
from spotkiln.start.deployment import COMMAND, Deployment, worker_of
from spotkiln.start.night import NightResult
from spotkiln.start.run import COMPLETED, PAUSED, SCHEDULED, Line, LogSource, Run

POLL_SECONDS = 1.0
# A flow's last lines can come after its last state.
LAST_LINES_SECONDS = 3.0
# As long as a release may wait for its turn, and its own time.
FOLLOW_SECONDS = 8 * 3600
NO_WORKER_SECONDS = 20.0
# Of the application's own last lines so many are told; the page has all that came home.
LINES_TOLD = 20
# Prefect's message of a run that left none.
NOTHING_TOLD = "All states completed."
# As much of a run's id as is shown, and the least that is taken for the beginning of one.
SHORT, SHORTEST = 8, 4
# A run that ended well and released nothing.
NOT_RELEASED = {Outcome.DECLINED, Outcome.HELD, Outcome.FROZEN}


class Ending(Noun):
    """What came of a run. `state` is Prefect's type of its state; `outcome` is how its release or
    night ended, in words, or else how Prefect calls its state."""

    run: str
    url: str = ""
    state: str
    outcome: str = ""
    cause: str = ""
    release: str = ""
    commit: str = ""
    image: str = ""
    fleet: str = ""
    database: str = ""
    failed_tests: tuple[str, ...] = ()
    last_lines: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the release serves, or the newer one that it gave way to. A run that was declined
        or held has ended well and released nothing: it is not ok."""
        return self.state == COMPLETED and self.outcome not in NOT_RELEASED

    def __str__(self) -> str:
        facts = [
            f"{name} {value}"
            for name, value in (
                ("commit", self.commit[:12]), ("image", self.image), ("fleet", self.fleet),
            )
            if value
        ]  # fmt: skip
        how = self.outcome or self.state.lower()
        text = f"{how} in {self.seconds:.0f} s"
        text += f": {', '.join(facts)}" if facts else ""
        # What reconcile tells of begins with how it ended.
        said = self.cause.startswith(f"{how}: ")
        parts = [
            "" if said else text,
            self.database and f"database: {self.database}",
            self.cause,
            f"took {self.seconds:.0f} s" if said else "",
            *(f"  {one}" for one in self.failed_tests),
        ]
        if self.last_lines:
            parts += ["The application's last lines:"]
            parts += [f"  {one}" for one in self.last_lines.splitlines()[-LINES_TOLD:]]
        if not self.ok and self.url:
            parts += [self.url]
        return "\n".join(one for one in parts if one)


def ending(found: Run, result: Result | NightResult | None, url: str = "") -> Ending:
    """What leaves no result, such as a reconcile or a run that was killed, has a message that says
    what came of it."""
    end = Ending(
        run=found.id,
        url=url,
        state=found.state,
        outcome=found.state_name.lower(),
        seconds=found.seconds,
    )
    if result:
        return end.model_copy(update={**result.model_dump(), "outcome": str(result.outcome)})
    told = "" if end.ok and found.message == NOTHING_TOLD else found.message
    return end.model_copy(update={"cause": told})


def start(deployment: Deployment, parameters: dict[str, Any]) -> str:
    """The id of a new run of it, with these parameters in the place of its own. The run says who
    started it."""
    tags = tags_of(Trigger(kind="command", by=user()))
    return ask(run.start, deployment.id, parameters=parameters, tags=tags).id


def user() -> str:
    """Who runs the command; empty for an account without a name."""
    try:
        return getuser()
    except (OSError, KeyError):
        return ""


def who_and_why(why: str) -> str:
    """The parameter that breaks a freeze: whose account asks for it, and why.

    Raises:
        InputError: no reason, more than a line, or an account without a name.
    """
    said = f"{user()}: {why.strip()}"
    if not re.fullmatch(BREAK_GLASS, said):
        raise InputError(
            "expected why the freeze is broken, in one line of at most 500 characters, from an "
            f"account with a name; got {said!r}"
        )
    return said


def short(ident: str) -> str:
    """As much of a run's id as a person types."""
    return ident[:SHORT]


def find(wanted: str) -> str:
    """The id of a run: of the one with that id, of the only recent one whose id begins so, or of
    the newest with that name.

    Raises:
        InputError: Prefect knows no such run, or several.
    """
    try:
        UUID(wanted)
    except ValueError:
        return _named(wanted) or _begun(wanted)
    try:
        return ask(run.read, wanted).id
    except NotInPrefect as error:
        raise InputError(
            f"Prefect knows no run {wanted}; `spotkiln history NAME` lists those of an application"
        ) from error


def _named(wanted: str) -> str:
    named = ask(run_list.newest_named, wanted)
    return named.id if named else ""


def _begun(wanted: str) -> str:
    known = ask(run_list.recent) if re.fullmatch(r"[0-9a-f-]{4,}", wanted) else []
    found = [one for one in known if one.id.startswith(wanted)]
    if len(found) > 1:
        both = ", ".join(f"{one.id} ({one.name})" for one in found)
        raise InputError(f"several runs begin with {wanted}: {both}; give more of the id")
    if not found:
        raise InputError(
            f"Prefect knows no run named {wanted!r}; give a run's name or id, or the first "
            f"{SHORTEST} or more characters of a recent one's: `spotkiln history NAME` lists "
            "those of an application"
        )
    return found[0].id


def lines(wanted: str) -> list[Line]:
    """All that a run has logged so far."""
    return ask(log.lines, wanted)


def _new_lines(prefect: Connection, wanted: str, seen: set[UUID]) -> Iterator[Line]:
    """Those not seen yet, oldest first. A late line may belong between earlier ones, so all pages
    are read again; a release has one or two."""
    for line in prefect.ask(log.lines, wanted):
        if line.id not in seen:
            seen.add(line.id)
            yield line


class _Wait:
    """What a run waits for, told once for each state that it stands in."""

    def __init__(self) -> None:
        self.name = ""
        self._since = 0.0
        self._told = False

    def hint(self, found: Run) -> str:
        """Empty while there is nothing to tell."""
        now = time.monotonic()
        if found.state_name != self.name:
            self.name, self._since, self._told = found.state_name, now, False
        if self._told:
            return ""
        text = ""
        if found.state == PAUSED:
            text = f"waits for an approval: {run.page_of(found.id)}".rstrip(": ")
        elif found.state == SCHEDULED and now - self._since > NO_WORKER_SECONDS:
            text = f"{self.name}: does a worker run? {worker_of(found.pool)}"
        self._told = bool(text)
        return text


def _tell(line: Line, voice: Voice, *, verbose: bool, command: bool) -> None:
    """`command`: it is a run of one command, and whoever follows it waits for what that says."""
    if command and line.source is LogSource.COMMAND:
        voice.line(line.text)
    elif verbose:
        voice.line(str(line), line.level)
    elif line.source is LogSource.STAGE:
        voice.stage(line.text)
    elif line.source is LogSource.STAGE_END:
        voice.line(str(line))
        voice.stage("")
    elif line.ours and line.grave:
        voice.line(str(line), line.level)
    elif line.ours:
        voice.passing(line.text, str(line))


def follow(
    wanted: str,
    voice: Voice,
    *,
    verbose: bool = False,
    deadline_seconds: float = FOLLOW_SECONDS,
) -> Ending:
    """Tell which stages the run is through, what it says and how far it is, until it has ended or
    waits for the end of a freeze.
    `verbose`: all that it logs, such as Packer's output and Prefect's.

    Raises:
        DeadlineExceeded: it had not ended in time; it goes on.
    """
    seen: set[UUID] = set()
    wait = _Wait()
    started = time.monotonic()
    with connected() as prefect:
        while True:
            found = prefect.ask(run.read, wanted)
            ended = found.final or found.frozen
            if ended:
                time.sleep(LAST_LINES_SECONDS)
            for line in _new_lines(prefect, wanted, seen):
                _tell(line, voice, verbose=verbose, command=COMMAND in found.parameters)
            if ended:
                result = prefect.ask(results.read, wanted) or prefect.ask(nights.read, wanted)
                return ending(found, result, run.page_of(wanted))
            bar = prefect.ask(artifact.progress, wanted)
            if bar:
                voice.progress(bar.what, bar.percent)
            if hint := wait.hint(found):
                voice.line(hint)
            waited = time.monotonic() - started
            if waited > deadline_seconds:
                raise DeadlineExceeded(f"run {wanted} to end (it goes on)", waited, wait.name)
            time.sleep(POLL_SECONDS)
