"""Stays at one step of a hand-over, or at one batch of servers, for as long as that lasts: what the
signals say meanwhile, and what a person asks."""

from collections.abc import Callable, Sequence
from functools import partial

from spotkiln.aws.serve.steer import steered
from spotkiln.aws.serve.watching import SignalWatch
from spotkiln.aws.session import Aws
from spotkiln.beside import Beside
from spotkiln.errors import GateFailed
from spotkiln.poll import Clock
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.signals import Signal, Word
from spotkiln.serve.step import Step
from spotkiln.serve.stepping import Decision, Steer, decide

# Alarms are looked at so often, in seconds: from a bad signal until the old servers have all
# requests again it is to take less than five.
LOOK_SECONDS = 4.0
# A pause ends after a day: then it goes back.
PAUSE_SECONDS = 86400.0


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


class Stay:
    """The step `at` of a plan, from now on. A pause makes it longer."""

    def __init__(
        self,
        aws: Aws,
        fleet: Fleet,
        plan: Sequence[Step],
        at: int,
        *,
        watch: SignalWatch,
        trials: Trials,
        strict: bool,
        clock: Clock,
    ) -> None:
        self._aws, self._fleet = aws, fleet
        self._plan, self._at = plan, at
        self._watch, self._trials = watch, trials
        self._strict = strict
        self._clock = clock
        self._start = self._last = clock.now()
        self._paused, self._begun = 0.0, False
        # Nobody answers yet.
        self._tried = not self.step.percent
        self.steer = Steer.RESUME

    @property
    def step(self) -> Step:
        return self._plan[self._at]

    @property
    def longest(self) -> float:
        """It ends after so many seconds, whatever happens."""
        return 2 * self.step.seconds + PAUSE_SECONDS

    def look(self, *, begun: bool = True) -> Decision:
        """What to do now. Its time runs from the first look at which it has `begun`."""
        self.steer, now = steered(self._aws, self._fleet), self._clock.now()
        if not self._begun:
            self._start = now
        elif self.steer is Steer.PAUSE:
            self._paused += now - self._last
        self._begun, self._last = begun, now
        lasted = now - self._start - self._paused
        if begun and not self._tried and self.steer is not Steer.PROMOTE:
            self._tried = self._trials.begin(self.step.percent)
        signals = (
            *self._watch.look(count=lasted >= self.step.seconds),
            *self._trials.signals(),
        )
        return decide(self._plan, self._at, lasted, signals, self.steer, strict=self._strict)

    def turned_back(self, why: str) -> GateFailed:
        what = "batch" if self.step.servers else "step"
        return GateFailed(
            f"turned back at {what} {self._at + 1} ({self.step.name}): {why}",
            cause="signal",
            last_lines=self._trials.last_lines,
        )
