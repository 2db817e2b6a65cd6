"""Order: which of several pushes of a ref is the newest, and which of their runs are needless."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from spotkiln.start.push import PUSHED, Push
from spotkiln.start.run import SCHEDULED, Run


class Place(StrEnum):
    """Where a push stands among those of its ref."""

    NEWEST = "newest"
    BACK = "newest, back at a commit that was pushed before"
    OLDER = "older than one that came before it"


def place(push: Push, known: Sequence[Push]) -> Place:
    """Where a push stands among `known`: the pushes of the same ref, in the order in which they
    came.

    Deliveries may overtake each other. Each push says what the ref named before it, and some hosts
    say when it happened. Where neither tells the order, the order of arrival does. Another hook may
    have told of this very push before: if nothing has come since, it stands where it stood.
    """
    while known and known[-1].same_as(push):
        known = known[:-1]
    if not known:
        return Place.NEWEST
    if any(one.same_as(push) and one.moment == push.moment for one in known):
        return Place.OLDER
    if push.deletes:
        return _place_of_deletion(push, known[-1])
    newest = known[-1]
    if push.before == newest.after:
        back = any(one.commit == push.commit for one in known)
        return Place.BACK if back else Place.NEWEST
    passed = {newest.before}
    for one in reversed(known):
        if one.after in passed:
            passed.add(one.before)
    # That a ref was not there tells nothing of the order: it may come and go.
    if push.after in {one for one in passed if one.strip("0")}:
        return Place.OLDER
    if push.pushed and newest.pushed and push.pushed < newest.pushed:
        return Place.OLDER
    return Place.NEWEST


def tags_of_ref(tags: Iterable[str]) -> list[str]:
    """Of a run's tags those that all runs of the same repository and branch have; none if no push
    has started it."""
    return [one for one in tags if one.startswith(PUSHED)]


def newer_from(own: Run) -> datetime:
    """The runs that `own` may give way to were expected at that time or later. Prefect expects a
    run a little before it has created it."""
    return own.created - timedelta(minutes=1)


def _place_of_deletion(push: Push, newest: Push) -> Place:
    """Only the time tells one that comes late from one whose pushes before were lost."""
    late = push.pushed and newest.pushed and push.pushed < newest.pushed
    return Place.OLDER if late and push.before != newest.after else Place.NEWEST


WITHOUT_SUCCESS = {"FAILED", "CRASHED", "CANCELLED", "CANCELLING"}


def needless(newest: Run, others: Iterable[Run]) -> list[Run]:
    """Those of the same ref's runs that the newer one makes needless and that have not begun. A run
    that is Pending has a process already: it is not cancelled, and gives way by itself."""
    return [one for one in others if one.created < newest.created and one.state == SCHEDULED]


def superseded_by(own: Run, others: Iterable[Run]) -> Run | None:
    """The newest run of the same ref that `own` gives way to: one that will release, or has
    released. A run that failed is no reason to give way."""
    newer = [x for x in others if x.created > own.created and x.state not in WITHOUT_SUCCESS]
    return max(newer, key=lambda one: one.created, default=None)


# How a run ended that has not released what it was for, though Prefect calls it completed.
LEFT_UNDONE = {"Held", "Declined", "Superseded", "Frozen"}


def superseded_after_freeze(own: Run, others: Iterable[Run]) -> Run | None:
    """The newest run of the same deployment that `own`, which waits for the end of a freeze, gives
    way to: one that waits too, releases or has released. One that only has been made is not among
    them: it may be a schedule's, for another day."""

    def counts(one: Run) -> bool:
        if one.state == SCHEDULED:
            return one.frozen
        return one.state not in WITHOUT_SUCCESS and one.state_name not in LEFT_UNDONE

    newer = [x for x in others if x.created > own.created and x.id != own.id and counts(x)]
    return max(newer, key=lambda one: one.created, default=None)


def needless_when_frozen(own: Run, others: Iterable[Run]) -> list[Run]:
    """Those that wait for the end of a freeze and are older than `own`, which will wait as well."""
    return [x for x in others if x.frozen and x.created < own.created and x.id != own.id]
