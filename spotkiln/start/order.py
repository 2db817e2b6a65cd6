"""Order: which of several pushes of a ref is the newest, and which runs of them are needless."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from spotkiln.start.push import Push
from spotkiln.start.run import SCHEDULED, Run


class Place(StrEnum):
    """Where a push stands among those of its ref."""

    NEWEST = "newest"
    BACK = "newest, back at a commit that was pushed before"
    OLDER = "older than one that came before it"


def place(push: Push, known: Sequence[Push]) -> Place:
    """Deliveries may overtake each other. `known`: those of the same ref, as they came.

    What is known of the order: each push says what the ref named before it, and some hosts when
    it happened. Where neither tells, the order of arrival does. Another hook may have told of this
    very push: if nothing has come since, it stands where it stood.
    """
    while known and known[-1].same_as(push):
        known = known[:-1]
    if not known:
        return Place.NEWEST
    if any(one.same_as(push) and one.moment == push.moment for one in known):
        return Place.OLDER
    newest = known[-1]
    if push.before == newest.after:
        back = any(one.commit == push.commit for one in known)
        return Place.BACK if back else Place.NEWEST
    passed = {newest.before}
    for one in reversed(known):
        if one.after in passed:
            passed.add(one.before)
    if push.after in passed:
        return Place.OLDER
    if push.pushed and newest.pushed and push.pushed < newest.pushed:
        return Place.OLDER
    return Place.NEWEST


WITHOUT_SUCCESS = {"FAILED", "CRASHED", "CANCELLED", "CANCELLING"}


def needless(newest: Run, others: Iterable[Run]) -> list[Run]:
    """Of the same ref's runs, those that a newer one makes needless before they have begun. One
    whose process is being started, Pending, is past being called back: it gives way itself."""
    return [one for one in others if one.created < newest.created and one.state == SCHEDULED]


def superseded_by(own: Run, others: Iterable[Run]) -> Run | None:
    """The newest run of the same ref that `own` gives way to: one that will be released, or has
    been. One that failed is no reason not to release."""
    newer = [x for x in others if x.created > own.created and x.state not in WITHOUT_SUCCESS]
    return max(newer, key=lambda one: one.created, default=None)
