"""Housekeeping: what nobody owns is cleared up. What cannot be cleared up now is put off.

What is put off is remembered in a tag on the thing itself. It is told once, and tried again less
and less often. It never stops a release.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from spotkiln.bake.own import LeftAlone
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.keep.action import Action, Verb
from spotkiln.markup import plain
from spotkiln.moment import utc
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet

# These concern what serves, and are never put off: a release that went on in spite of them would do
# harm.
NOT_PUT_OFF = {
    Verb.TAKE_DOWN,
    Verb.SETTLE_WEIGHTS,
    Verb.RETIRE_FLEETS,
    Verb.RESUME_SCALING,
    Verb.DRAIN_INSTANCES,
    Verb.REMOVE_PREVIEW,
}
LONGEST = timedelta(hours=6)
TAG_LENGTH = 256
# More is on the page.
MOST_WORDS = 1000
# Besides letters and digits, what every AWS service takes in a tag's value.
UNFIT = re.compile(r"[^\w .:/=+\-@]+")


class PutOff(Noun):
    """Since when something cannot be done, when it was tried last, and why it failed. Times are
    UTC."""

    since: datetime
    last: datetime
    why: str

    @classmethod
    def from_tag(cls, text: str) -> Self | None:
        """None for a value that is no such tag: somebody may have edited it."""
        since, _, rest = text.partition(" ")
        last, _, why = rest.partition(" ")
        try:
            found = cls(
                since=datetime.fromisoformat(since), last=datetime.fromisoformat(last), why=why
            )
        except ValueError:
            return None
        return found if found.since.tzinfo and found.last.tzinfo else None

    def to_tag(self) -> str:
        times = " ".join(one.isoformat(timespec="seconds") for one in (self.since, self.last))
        return f"{times} {UNFIT.sub(' ', self.why)}"[:TAG_LENGTH]

    @property
    def next(self) -> datetime:
        """When it is tried next. After the first failure at once: it may have been the network's.
        Then the wait is as long as the time since the first failure."""
        return self.last + min(self.last - self.since, LONGEST)


def due(tag: str, now: datetime) -> bool:
    """Whether it is to be tried again now. `tag` is empty for what never failed."""
    found = PutOff.from_tag(tag)
    return found is None or now >= found.next


def again(tag: str, now: datetime, why: str) -> PutOff:
    """What is remembered of a thing that failed, for the first time or once more."""
    before = PutOff.from_tag(tag)
    return PutOff(since=before.since if before else now, last=now, why=why)


class Delayed(Noun):
    """An action that is put off."""

    action: Action
    put_off: PutOff

    def __str__(self) -> str:
        one = self.put_off
        return (
            f"{self.action.verb} {', '.join(self.action.ids)}: not possible since "
            f"{utc(one.since)}: {one.why}"
        )


class Reconciled(Noun):
    """What a reconcile found: `todo` of a dry run, `done` of a real one; `put_off` is tried again
    later; `left_alone` only looks like ours. `fleets` are all of the region, ours or not, as they
    were when nothing was left to do; None if that was not looked at."""

    todo: tuple[Action, ...] = ()
    done: tuple[Action, ...] = ()
    put_off: tuple[Delayed, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
    fleets: tuple[Fleet, ...] | None = None

    def also(self, *, todo: Sequence[Action] = (), done: Sequence[Action] = ()) -> Self:
        """With actions that were found before these, to be told: without the fleets."""
        both = {"todo": (*todo, *self.todo), "done": (*done, *self.done)}
        return self.model_copy(update={**both, "fleets": None})

    @classmethod
    def of(cls, actions: list[Action], left_alone: tuple[LeftAlone, ...], now: datetime) -> Self:
        """Tells the actions that are due from those that wait."""
        waits = [
            Delayed(action=one, put_off=found)
            for one in actions
            if not due(one.tried, now) and (found := PutOff.from_tag(one.tried))
        ]
        waiting = [one.action for one in waits]
        return cls(
            todo=tuple(one for one in actions if one not in waiting),
            put_off=tuple(waits),
            left_alone=left_alone,
        )


def reconcile_page(found: Reconciled) -> str:
    """What was found, in words. The page does not tell when it was written: as long as nothing
    changes, it is the same page."""
    parts = ["# Reconcile"]
    for title, lines in (
        ("To do", found.todo),
        ("Done", found.done),
        ("Put off: tried again later, less and less often", found.put_off),
        ("Left alone: only their tags look like ours", found.left_alone),
    ):
        if lines:
            parts += [f"## {title}", "\n".join(f"- {plain(str(line))}" for line in lines)]
    if len(parts) == 1:
        parts.append("Nothing to do: there is nothing that nobody owns.")
    return "\n\n".join(parts) + "\n"


class End(StrEnum):
    """How a reconcile ended: the name of its run's state."""

    NOTHING = "Nothing to do"
    TO_DO = "To do"
    CLEARED_UP = "Cleared up"
    PUT_OFF = "Put off"


def ending(found: Reconciled) -> tuple[End, str]:
    """How it ended, and in a sentence of what. The first of these that there is any of."""
    groups = ((End.TO_DO, found.todo), (End.CLEARED_UP, found.done), (End.PUT_OFF, found.put_off))
    told = {end: f"{end.lower()}: {'; '.join(str(one) for one in of)}" for end, of in groups if of}
    if not told:
        return End.NOTHING, "there is nothing that nobody owns"
    return next(iter(told)), ". ".join(told.values())[:MOST_WORDS]


# Fleets, then what they were made of, then a look that all is done; one to spare.
ROUNDS = 4
_What = tuple[Verb, tuple[str, ...]]


def clear_up(
    find: Callable[[], Reconciled],
    carry_out: Callable[[Action], object],
    put_off: Callable[[Action, SpotkilnError], Delayed],
) -> Reconciled:
    """Find and carry out in turn, until nothing is left to do: what a fleet was made of can go only
    once the fleet has gone.

    An action that fails does not stop the others. If it concerns what serves, no further round is
    begun; anything else is `put_off`. Nothing is tried twice.

    Raises:
        InfrastructureError: something that concerns what serves failed, with what each said.
    """
    done: list[Action] = []
    failed: dict[Action, str] = {}
    waits: dict[_What, Delayed] = {}
    found, todo = Reconciled(), list[Action]()
    for _ in range(ROUNDS):
        found = find()
        tried = {*map(_what, done), *map(_what, failed), *waits}
        todo = [one for one in found.todo if _what(one) not in tried]
        for action in todo:
            try:
                carry_out(action)
            except SpotkilnError as error:
                if action.verb in NOT_PUT_OFF:
                    failed[action] = str(error)
                else:
                    waits[_what(action)] = put_off(action, error)
            else:
                done.append(action)
        if not todo or failed:
            break
    if failed:
        told = "; ".join(f"{action}: {text}" for action, text in failed.items())
        raise InfrastructureError(f"not everything could be cleared up: {told}")
    waits = {_what(one.action): one for one in found.put_off} | waits
    return Reconciled(
        done=tuple(done),
        put_off=tuple(waits.values()),
        left_alone=found.left_alone,
        fleets=None if todo else found.fleets,
    )


def _what(action: Action) -> _What:
    """What an action is about, whatever reason is given for it meanwhile."""
    return action.verb, action.ids
