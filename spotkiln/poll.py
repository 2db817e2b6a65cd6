"""The one poller. Every wait of a release goes through it."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from spotkiln.errors import DeadlineExceeded

T = TypeVar("T")
TICK_SECONDS = 0.001


class Clock(Protocol):
    def now(self) -> float:
        """Seconds from any fixed point, never going back."""

    def sleep(self, seconds: float) -> None: ...


class RealClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class Backoff:
    """How long to sleep between polls: short at first, growing to `maximum`; all in seconds."""

    first: float = 1.0
    factor: float = 1.2
    maximum: float = 5.0

    def intervals(self) -> Iterator[float]:
        seconds = self.first
        while True:
            yield seconds
            seconds = min(seconds * self.factor, self.maximum)


@dataclass(frozen=True)
class Done(Generic[T]):
    value: T


@dataclass(frozen=True)
class Waiting:
    """No answer yet: what there is, and after how many seconds an answer may be there, if that is
    sooner than one would look again."""

    seen: str
    within: float = math.inf


def poll(
    probe: Callable[[], Done[T] | Waiting],
    *,
    what: str,
    deadline_seconds: float,
    clock: Clock,
    backoff: Backoff | None = None,
    not_before: float = 0.0,
) -> T:
    """Ask `probe` until it is done; for the first time after `not_before` seconds, before which
    there can be no answer.

    Raises:
        DeadlineExceeded: after `deadline_seconds`, with what was waited for and last seen.
    """
    backoff = backoff or Backoff()
    start = clock.now()
    intervals = backoff.intervals()
    if not_before > 0:
        clock.sleep(min(not_before, deadline_seconds))
    while True:
        answer = probe()
        if isinstance(answer, Done):
            return answer.value
        waited = clock.now() - start
        left = deadline_seconds - waited
        # Less than a clock tells apart would be slept, and left, for ever.
        if left < TICK_SECONDS:
            raise DeadlineExceeded(what, waited, answer.seen)
        wanted = next(intervals)
        if answer.within < wanted:
            wanted = max(answer.within, backoff.first)
        # The last look falls on the deadline itself.
        clock.sleep(min(wanted, left))
