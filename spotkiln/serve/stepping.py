"""Stepping: what to do next while requests are handed over.

Pure: it follows from the plan, from how long the present step (or batch) has lasted, from what the
signals say, and from what a person asks.
"""

from collections.abc import Sequence
from enum import StrEnum

from spotkiln.noun import Noun
from spotkiln.serve.signals import Signal, Word
from spotkiln.serve.step import Step


class Do(StrEnum):
    STAY = "stay"
    NEXT = "next step"
    DONE = "done"
    BACK = "back"


class Steer(StrEnum):
    """What a person asks of a release that hands requests over; the last word counts."""

    RESUME = "resume"
    PAUSE = "pause"
    PROMOTE = "promote"
    ABORT = "abort"


# Of a release that was asked.
WHAT = {
    Steer.PAUSE: "stays at its step, for a day at most; bad signals still bring the old ones back",
    Steer.RESUME: "goes on with its steps",
    Steer.PROMOTE: "gives its new servers all requests, and does not wait for the bake time",
    Steer.ABORT: "gives the old servers all requests back, and takes the new ones away",
}


class StepTaken(Noun):
    """A step of a hand-over that is over: how long it lasted in seconds, pauses included, and
    whether a person's `promote` was what ended it."""

    percent: int
    seconds: float
    promoted: bool = False


def in_words(taken: Sequence[StepTaken]) -> str:
    """How the requests were handed over. What came at once after a person's word has no time of
    its own."""
    told: list[str] = []
    asked = False
    for one in taken:
        words = f"{one.percent} %"
        if one.seconds >= 1:
            words += f" for {one.seconds:.0f} s"
        if one.promoted and not asked:
            words += " until a person said promote"
        told.append(words)
        asked = asked or one.promoted
    return ", ".join(told)


class Decision(Noun):
    """What to do now. `within`: an answer may change after so many seconds, if no signal does."""

    do: Do
    why: str = ""
    within: float = 0.0


def decide(
    plan: Sequence[Step],
    at: int,
    lasted: float,
    signals: tuple[Signal, ...],
    steer: Steer = Steer.RESUME,
    *,
    strict: bool = False,
) -> Decision:
    """`at` is the index of the present step in the plan, which has `lasted` so many seconds,
    without pauses. One bad signal is enough to go back, whatever a person says; one that cannot
    tell yet is waited for, once more as long as the step, and is as bad then if it is `strict`; one
    that is under way has a limit of its own, and is waited for."""
    step, last = plan[at], at == len(plan) - 1
    bad = [one for one in signals if one.word is Word.BAD]
    if bad:
        return Decision(do=Do.BACK, why="; ".join(one.why for one in bad))
    if steer is Steer.ABORT:
        return Decision(do=Do.BACK, why="a person said abort")
    if steer is Steer.PAUSE:
        return Decision(do=Do.STAY, why="paused by a person, until resume, promote or abort")
    on = Decision(do=Do.DONE if last else Do.NEXT)
    if steer is Steer.PROMOTE:
        return (_before_the_end(step, lasted, signals) if last else None) or on
    return _before_the_next(step, lasted, signals, strict=strict) or on


def _before_the_end(step: Step, lasted: float, signals: tuple[Signal, ...]) -> Decision | None:
    """What a promotion waits for as well."""
    if lasted < step.sticky:
        # Those who load a page of the old version have it whole.
        return Decision(do=Do.STAY, within=step.sticky - lasted)
    return _under_way(signals)


def _under_way(signals: tuple[Signal, ...]) -> Decision | None:
    found = next((one for one in signals if one.word is Word.UNDER_WAY), None)
    return Decision(do=Do.STAY, why=found.why) if found else None


def _before_the_next(
    step: Step, lasted: float, signals: tuple[Signal, ...], *, strict: bool
) -> Decision | None:
    if lasted < step.seconds:
        return Decision(do=Do.STAY, within=step.seconds - lasted)
    if under_way := _under_way(signals):
        return under_way
    # Nobody can tell anything of servers that get no requests yet.
    unknown = [one for one in signals if one.word is Word.UNKNOWN and step.percent]
    why = "; ".join(one.why for one in unknown)
    if unknown and lasted < 2 * step.seconds:
        return Decision(do=Do.STAY, why=why, within=2 * step.seconds - lasted)
    if unknown and step.seconds and strict:
        return Decision(do=Do.BACK, why=why)
    return None
