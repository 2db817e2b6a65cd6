"""Signals: whether new servers do worse than old ones, by alarms and by their share of errors."""

from collections.abc import Mapping
from enum import StrEnum
from math import exp, lgamma, log1p

from spotkiln.noun import Noun

# One comparison in a thousand is wrong by chance; a release makes some dozens of them at most.
CHANCE = 0.001


class Word(StrEnum):
    GOOD = "good"
    UNKNOWN = "cannot tell yet"
    UNDER_WAY = "under way"
    BAD = "bad"


class Signal(Noun):
    """What one source says of the new servers, and why, for people."""

    word: Word
    why: str = ""


class AlarmState(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    NO_DATA = "INSUFFICIENT_DATA"


class Counted(Noun):
    """The answers of a target group's servers, and how many of them were errors (5xx)."""

    requests: int = 0
    errors: int = 0

    def __str__(self) -> str:
        share = 100 * self.errors / self.requests if self.requests else 0.0
        return f"{self.errors} of {self.requests} ({share:.2f} %)"


def of_alarms(
    states: Mapping[str, AlarmState], without_data: Mapping[str, float], most: float
) -> list[Signal]:
    """One for each alarm. `without_data`: for how many seconds an alarm has had none; more than
    `most` is as bad as an alarm, for then nobody looks."""
    found = []
    for name, state in sorted(states.items()):
        if state is AlarmState.ALARM:
            found.append(Signal(word=Word.BAD, why=f"alarm {name} is in ALARM"))
        elif state is AlarmState.NO_DATA and without_data.get(name, 0.0) >= most:
            why = f"alarm {name} has had no data for {without_data.get(name, 0.0):.0f} s"
            found.append(Signal(word=Word.BAD, why=why))
        elif state is AlarmState.NO_DATA:
            found.append(Signal(word=Word.UNKNOWN, why=f"alarm {name} has no data"))
        else:
            found.append(Signal(word=Word.GOOD))
    return found


def unread(what: str, error: str, seconds: float, most: float) -> Signal:
    """Of a source that has not answered for so many seconds: it cannot tell. More than `most` is as
    bad as an alarm, for then nobody looks."""
    if seconds >= most:
        why = f"{what} could not be read for {seconds:.0f} s: {error}"
        return Signal(word=Word.BAD, why=why)
    return Signal(word=Word.UNKNOWN, why=f"{what} cannot be read now: {error}")


def of_errors(new: Counted, old: Counted, least: int) -> Signal:
    """Whether the new servers answer a larger share of requests with errors than the old ones."""
    if new.requests < least or old.requests < least:
        few = min(new.requests, old.requests)
        return Signal(word=Word.UNKNOWN, why=f"{few} of {least} requests to compare errors")
    chance = chance_of_more(new, old)
    if chance < CHANCE:
        return Signal(
            word=Word.BAD,
            why=f"errors (5xx): {new} of the new servers, {old} of the old ones; by chance that "
            f"happens in {chance:.1g} of all cases",
        )
    return Signal(word=Word.GOOD)


def chance_of_more(new: Counted, old: Counted) -> float:
    """How likely the new servers have so many of all errors, or more, if they are no worse than the
    old ones: Fisher's exact test, one-sided, the upper tail of the hypergeometric distribution
    (R. A. Fisher, Statistical Methods for Research Workers, 5th edition, 1934, section 21.02)."""
    errors = new.errors + old.errors
    most = min(errors, new.requests)
    every = _choose(new.requests + old.requests, errors)
    total = float("-inf")
    for k in range(max(new.errors, errors - old.requests), most + 1):
        term = _choose(new.requests, k) + _choose(old.requests, errors - k) - every
        high, low = max(total, term), min(total, term)
        total = high if low == float("-inf") else high + log1p(exp(low - high))
        if term < total - 40:
            break  # those that follow are smaller still, and change nothing any more
    return min(exp(total), 1.0)


def _choose(n: int, k: int) -> float:
    """The logarithm of n over k."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
