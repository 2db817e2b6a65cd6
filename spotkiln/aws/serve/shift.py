"""Hands the requests over to new servers step by step, as long as the signals allow it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from spotkiln.aws.serve import hand_over as notes
from spotkiln.aws.serve import weights as shares
from spotkiln.aws.serve.steer import steered
from spotkiln.aws.serve.watching import Watch
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.beside import Beside
from spotkiln.errors import (
    DeadlineExceeded,
    GateFailed,
    InfrastructureError,
    InputError,
    SpotkilnError,
)
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.signals import Signal, Word
from spotkiln.serve.stepping import Decision, Do, Steer, decide
from spotkiln.serve.traffic import Traffic
from spotkiln.serve.weights import HandOver, Weights

# Alarms are looked at so often, in seconds: from a bad signal until the old servers have all
# requests again it is to take less than five.
LOOK_SECONDS = 4.0
# For so long what AWS tells may be older than what was set last.
SETTLE_SECONDS = 10.0
# A pause ends after a day: then the requests go back.
PAUSE_SECONDS = 86400.0

Progress = Callable[[int, str], None]


@dataclass(frozen=True)
class Telling:
    """The clock, and who is told how far it is."""

    clock: Clock
    progress: Progress


class Trials:
    """The application's own command, in each step."""

    def __init__(self, run: Callable[[int], None] | None) -> None:
        self._run = run
        self._beside = Beside()
        self.last_lines = ""

    def begin(self, percent: int) -> bool:
        """False if that of the step before is not over."""
        if self._beside.under_way:
            return False
        if self._run:
            self._beside.start(partial(self._run, percent))
        return True

    def signals(self) -> tuple[Signal, ...]:
        """Raises what kept it from being carried out."""
        if not self._beside.begun:
            return ()
        if self._beside.under_way:
            return (Signal(word=Word.UNDER_WAY, why="the check is under way"),)
        try:
            self._beside.result()
        except GateFailed as error:
            self.last_lines = error.last_lines
            return (Signal(word=Word.BAD, why=error.message),)
        return (Signal(word=Word.GOOD),)

    def end(self, say: Callable[[str], None]) -> None:
        """Whatever it says now, nobody waits for it; but its machine is to be gone."""
        if self._beside.under_way:
            say("waiting for the end of the check's machine")
            self._beside.wait()


def choose_group(aws: Aws, infra: Infra, serving: Sequence[Fleet]) -> Infra:
    """To launch into the target group of the pair that gets no requests; as it is, where there is
    none.

    Raises:
        InputError: both get some, or what serves is in the one that gets none.
    """
    if infra.second is None:
        return infra
    weights = shares.read(aws, infra)
    groups = {one.name: one for one in (infra.target_group, infra.second)}
    idle = groups[next(name for name in weights.of if name != weights.active)]
    if serving and serving[0].group == idle.arn:
        raise InputError(
            f"{serving[0].id} serves in {idle.name}, which gets no requests ({weights}): give it "
            "back its weight, then start this again"
        )
    return infra.into(idle.name)


def hand_over(
    aws: Aws,
    fleet: Fleet,
    infra: Infra,
    traffic: Traffic,
    *,
    clock: Clock,
    check: Callable[[], None],
    say: Callable[[str], None],
    progress: Progress,
    trial: Callable[[int], None] | None = None,
) -> None:
    """Give the group that has no requests one step after the other; return once the bake time is
    over. What went wrong goes back at once, before it is raised.

    `check` raises if the turn was lost; it is asked before and after each change. `trial` is the
    application's own: called once in each step, with its percent, beside the looks at the signals.
    It raises GateFailed if it was red.

    Raises:
        GateFailed: a signal was bad.
        InfrastructureError: somebody else has changed the weights.
    """
    before = shares.read(aws, infra)
    to = next(name for name in before.of if name != before.active)
    watch = Watch(aws, infra, traffic, to, clock)
    trials = Trials(trial)
    _require_good(traffic, watch)
    check()
    note = HandOver(release=fleet.release, before=before, target_group=infra.home.arn)
    notes.begin(aws, note)
    weights = before
    try:
        for at, step in enumerate(traffic.plan()):
            wanted = weights.shifted(to, step.percent)
            weights = _shift(aws, infra, weights, wanted, step.sticky, check, clock)
            say(f"step {at + 1}: {step.percent} % of the requests to {to}")
            _stay(aws, fleet, traffic, at, watch, trials, Telling(clock, progress))
        if traffic.sticky_seconds:
            # A cookie would go before the weights, even where nobody answers any more.
            _shift(aws, infra, weights, weights, 0, check, clock)
    except BaseException as error:
        _go_back(aws, note, say, clock)
        # Whoever ends this process has no time for it.
        if isinstance(error, Exception):
            trials.end(say)
        raise


def _go_back(aws: Aws, note: HandOver, say: Callable[[str], None], clock: Clock) -> None:
    """Never in the way of what went wrong before: what fails here is tried again when the fleet is
    taken away, and by reconcile. Whoever has taken the turn over has done it already, and has taken
    the note away: then the weights are theirs."""
    start, to = clock.now(), note.before.active
    try:
        if notes.give_back(aws, note.target_group, note.release):
            say(f"back: all requests to {to}, in {clock.now() - start:.1f} s")
    except SpotkilnError as error:
        say(f"the requests could not be sent back to {to} yet: {error}")


def _require_good(traffic: Traffic, watch: Watch) -> None:
    """An alarm that is on already would only bring the requests back."""
    found = decide(traffic, 0, 0.0, watch.look(count=True))
    if found.do is Do.BACK:
        raise GateFailed(f"no request was given to the new servers: {found.why}", cause="signal")


def _shift(
    aws: Aws,
    infra: Infra,
    present: Weights,
    wanted: Weights,
    sticky: int,
    check: Callable[[], None],
    clock: Clock,
) -> Weights:
    """Nobody's change is overwritten: a person may have put the weights back by hand."""
    check()
    _require_as_set(aws, infra, present, clock)
    shares.write(aws, infra, wanted, sticky)
    check()
    return wanted


def _require_as_set(aws: Aws, infra: Infra, present: Weights, clock: Clock) -> None:
    """For a moment AWS may still tell what was before, of one rule or of all."""
    seen = ""

    def look() -> Done[None] | Waiting:
        nonlocal seen
        try:
            found = shares.read(aws, infra)
        except InputError as error:
            seen = str(error)
            return Waiting(seen)
        seen = f"expected the weights {present}, found {found}"
        return Done(None) if found == present else Waiting(seen)

    try:
        poll(look, what="the weights", deadline_seconds=SETTLE_SECONDS, clock=clock)
    except DeadlineExceeded as error:
        raise InfrastructureError(f"{seen}: somebody else has changed them") from error


def _stay(
    aws: Aws,
    fleet: Fleet,
    traffic: Traffic,
    at: int,
    watch: Watch,
    trials: Trials,
    tell: Telling,
) -> None:
    """Until the step is over. A pause makes it longer."""
    step, clock = traffic.plan()[at], tell.clock
    start = last = clock.now()
    paused = 0.0
    tried = not step.percent

    def look() -> Done[Decision] | Waiting:
        nonlocal last, paused, tried
        steer, now = steered(aws, fleet), clock.now()
        paused += now - last if steer is Steer.PAUSE else 0.0
        last = now
        lasted = now - start - paused
        if not tried and steer is not Steer.PROMOTE:
            tried = trials.begin(step.percent)
        signals = (*watch.look(count=lasted >= step.seconds), *trials.signals())
        found = decide(traffic, at, lasted, signals, steer)
        tell.progress(step.percent, found.why)
        if found.do is Do.STAY:
            return Waiting(found.why or f"{step}", min(found.within or LOOK_SECONDS, LOOK_SECONDS))
        return Done(found)

    decision = poll(
        look,
        what=f"the end of step {at + 1} ({step})",
        deadline_seconds=2 * step.seconds + PAUSE_SECONDS,
        clock=clock,
        backoff=Backoff(first=LOOK_SECONDS, factor=1.0, maximum=LOOK_SECONDS),
    )
    if decision.do is Do.BACK:
        raise GateFailed(
            f"turned back at step {at + 1} ({step.percent} %): {decision.why}",
            cause="signal",
            last_lines=trials.last_lines,
        )
