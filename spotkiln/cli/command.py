"""One command on the image that serves: started, followed, ended by Ctrl-C."""

import sys
import time
from collections.abc import Sequence
from uuid import UUID

from pydantic import ValidationError

from spotkiln.cli.deployment import beside
from spotkiln.cli.output import Exit, give_up_stdout, tell
from spotkiln.cli.runs import LAST_LINES_SECONDS, NO_WORKER_SECONDS, POLL_SECONDS, short, start
from spotkiln.cli.typed import require_command
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.prefect_api import ended as ends
from spotkiln.prefect_api import log
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api.connection import Connection, ask, connected
from spotkiln.release.command import CommandEnd, CommandSpec
from spotkiln.start.deployment import COMMAND, RUN, Deployment, worker_of
from spotkiln.start.run import SCHEDULED, Line, LogSource, Run
from spotkiln.start.settings import settings

# A worker ends a run within half a minute of being told; then AWS ends the machine.
CANCEL_SECONDS = 120.0


class Done(Noun):
    """What came of a run of one command. `code` is the command's own; 1 if that is not known."""

    run: str
    url: str = ""
    state: str
    code: int = Exit.FAILED
    why: str = ""
    seconds: float = 0.0


def spec_of(application: Deployment, command: Sequence[str], seconds: int) -> CommandSpec:
    """With the application's settings.

    Raises:
        InputError: this is no command, or the application's settings cannot be read.
    """
    require_command(application.short, command)
    found = settings(application)
    try:
        return CommandSpec(
            app=found.app.name,
            command=tuple(command),
            infra=found.infra,
            build=found.build,
            configuration=found.configuration,
            seconds=seconds,
        )
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


class _Follower:
    """Shows what is new of a run. `aside`: stdout is a program's."""

    def __init__(self, prefect: Connection, run: str, *, aside: bool) -> None:
        self._prefect, self._run, self._aside = prefect, run, aside
        self._seen: set[UUID] = set()
        self._started = time.monotonic()
        self._hinted = False

    def _show(self, line: Line) -> None:
        if line.source is LogSource.COMMAND:
            stream = sys.stderr if self._aside else sys.stdout
            print(line.text, file=stream, flush=True)
        elif line.ours or (line.grave and not line.of_prefect):
            tell(str(line), aside=True)

    def look(self) -> Run:
        found: Run = self._prefect.ask(runs.read, self._run)
        if found.final:
            # A flow's last lines can come after its last state.
            time.sleep(LAST_LINES_SECONDS)
        for line in self._prefect.ask(log.lines, self._run):
            if line.id not in self._seen:
                self._seen.add(line.id)
                self._show(line)
        waited = time.monotonic() - self._started
        if found.state == SCHEDULED and waited > NO_WORKER_SECONDS and not self._hinted:
            self._hinted = True
            tell(f"does a worker run? {worker_of(found.pool)}", aside=True)
        return found

    def until_the_end(self, deadline_seconds: float = float("inf")) -> Run | None:
        """The run, once it has ended; None if that took longer."""
        deadline = time.monotonic() + deadline_seconds
        while not (found := self.look()).final:
            if time.monotonic() > deadline:
                return None
            time.sleep(POLL_SECONDS)
        return found


def _cancel(follower: _Follower, run: str) -> str:
    """Ctrl-C: end the command and its machine, and say what came of it. A second one leaves that to
    the run."""
    tell("ending the command and its machine; Ctrl-C again does not wait for it", aside=True)
    ask(runs.ask_to_cancel, run)
    try:
        ended = follower.until_the_end(CANCEL_SECONDS)
    except KeyboardInterrupt:
        ended = None
    return (
        "interrupted: command and machine were ended"
        if ended
        else (f"interrupted: run {run} is being cancelled, and has not ended yet")
    )


def carry_out(application: Deployment, spec: CommandSpec, *, aside: bool) -> Done:
    """Start it in the application's account, show what it says as it comes, tell how it ended."""
    deployment = beside(RUN, COMMAND, application)
    run = start(deployment, spec.model_dump(mode="json"))
    tell(
        f"run {run} {runs.page_of(run)}".rstrip()
        + f"\na {spec.build.instance_type} is launched for it: that takes a minute or two. It is "
        f"paid for until it has gone; the command may take {spec.seconds} s. What it says is kept "
        "in the run's log",
        aside=True,
    )
    with connected() as prefect:
        follower = _Follower(prefect, run, aside=aside)
        try:
            found = follower.until_the_end()
        except KeyboardInterrupt:
            why = _cancel(follower, run)
            now = prefect.ask(runs.read, run)
            return Done(
                run=run, url=runs.page_of(run), state=now.state, code=Exit.INTERRUPTED, why=why
            )
        except BrokenPipeError:
            give_up_stdout()
            now = prefect.ask(runs.read, run)
            why = (
                "nobody reads what it says any more; the run goes on: `spotkiln cancel "
                f"{short(run)}` ends command and machine"
            )
            return Done(run=run, url=runs.page_of(run), state=now.state, why=why)
        ended: CommandEnd | None = prefect.ask(ends.read, run)
    assert found is not None
    done = Done(run=run, url=runs.page_of(run), state=found.state, seconds=found.seconds)
    if ended is None:
        return done.model_copy(update={"why": found.message or "it was ended before its end"})
    return done.model_copy(update={"code": ended.code, "why": ended.why})
