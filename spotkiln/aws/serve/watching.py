"""Watches over new servers while requests are handed over: what the signals say, one look after the
other."""

from collections.abc import Callable
from datetime import datetime, timedelta

from spotkiln.aws.serve import signals as sources
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import GateFailed, SpotkilnError, may_be_tried_again
from spotkiln.poll import Clock
from spotkiln.serve.latency import of_latency
from spotkiln.serve.signals import AlarmState, Signal, Word, of_alarms, of_errors, unread
from spotkiln.serve.traffic import Traffic

# CloudWatch's sums of a minute are looked at so often, in seconds; alarms at each look.
COUNT_SECONDS = 30.0
# What the old servers answered before the first step counts for the comparison, too: at 100 % they
# answer nothing any more.
BEFORE = timedelta(minutes=10)

Look = Callable[[], list[Signal]]


class SignalWatch:
    """The signals of one hand-over, since it began. `to` is the name of the target group with the
    new servers; without a second one nobody can tell their answers from the old ones'."""

    def __init__(
        self, aws: Aws, infra: Infra, traffic: Traffic, clock: Clock, to: str = ""
    ) -> None:
        self._aws = aws
        self._traffic = traffic
        self._clock = clock
        pair = [one for one in (infra.target_group, infra.second) if one]
        self._apart = bool(infra.second)
        self._new = next((one for one in pair if one.name == to), pair[0])
        self._old = next((one for one in pair if one.name != to), pair[0])
        self._began: datetime = aws.now()
        # Since when an alarm has had no data, and since when a source has not answered.
        self._without: dict[str, float] = {}
        self._silent: dict[str, float] = {}
        self._counted_at = float("-inf")
        self._compared: list[Signal] = []

    def look(self, *, count: bool) -> tuple[Signal, ...]:
        """`count`: compare the answers even if that was just done.

        Raises:
            SpotkilnError: a source refuses to answer. One that does not answer now is a signal
                that cannot tell.
        """
        if not self._apart:
            return tuple(self._asked("alarms", self._alarms)) if self._traffic.alarms else ()
        if not self._traffic.watched:
            return ()
        now = self._clock.now()
        if count or now - self._counted_at >= COUNT_SECONDS:
            self._counted_at = now
            compared = self._asked("errors", self._errors)
            if self._traffic.slower_percent is not None:
                compared += self._asked("latency", self._latency)
            self._compared = compared
        return (*self._asked("alarms", self._alarms), *self._compared)

    def _asked(self, what: str, look: Look) -> list[Signal]:
        try:
            found = look()
        except SpotkilnError as error:
            if not may_be_tried_again(error):
                raise
            now = self._clock.now()
            silent = now - self._silent.setdefault(what, now)
            return [unread(what, str(error), silent, self._traffic.no_data_seconds)]
        self._silent.pop(what, None)
        return found

    def _alarms(self) -> list[Signal]:
        now = self._clock.now()
        states = sources.alarms(self._aws, self._traffic.alarms)
        for name, state in states.items():
            if state is AlarmState.NO_DATA:
                self._without.setdefault(name, now)
            else:
                self._without.pop(name, None)
        without = {name: now - since for name, since in self._without.items()}
        return of_alarms(states, without, self._traffic.no_data_seconds)

    def _errors(self) -> list[Signal]:
        new = sources.counted(self._aws, self._new, self._began)
        old = sources.counted(self._aws, self._old, self._began - BEFORE)
        return [of_errors(new, old, self._traffic.least_requests)]

    def _latency(self) -> list[Signal]:
        new = sources.minutes(self._aws, self._new, self._began)
        old = sources.minutes(self._aws, self._old, self._began - BEFORE)
        return [of_latency(new, old, self._traffic.slower_percent or 0)]


def require_good(watch: SignalWatch) -> None:
    """An alarm that is on already would only bring the old servers back.

    Raises:
        GateFailed: one is.
    """
    bad = [one.why for one in watch.look(count=True) if one.word is Word.BAD]
    if bad:
        told = f"no request was given to the new servers: {'; '.join(bad)}"
        raise GateFailed(told, cause="signal")
