"""Leases: which releases live, and whose turn it is. They are tags on the target group itself.

Every release that wants a target group writes a tag of its own on it, and renews the tag while it
lives. No release writes another's tag, so no compare-and-swap is needed: whose turn it is follows
from all tags together (Lamport's bakery algorithm). No Prefect server is needed either: a restart
or a second server neither blocks the target group for ever nor lets two releases overlap.

A release that claims the turn writes that it holds it. Then it waits until everybody can see the
tag, and looks whether another release did the same. So of two releases at least one sees the other
and steps back.

A rollback may be told to take the turn. It writes a mark for the release that holds the turn, waits
twice as long, and looks whether that release has launched meanwhile. A release that launches writes
that first, and then looks for a mark. So either the release sees the mark, or the rollback sees
that the release has launched, wherever one of them falls asleep.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from spotkiln.noun import Noun

PREFIX = "spotkiln:lease/"
# The mark on the target group, for the release from which the turn is taken. It names the taker.
TAKEN = "spotkiln:taken/"
# Renewed every RENEW, or RENEW_AGAIN after a renewal that failed; gone after DURATION without it.
RENEW = timedelta(seconds=100)
RENEW_AGAIN = timedelta(seconds=15)
DURATION = timedelta(seconds=300)
# A tag may take so long until everybody can see it.
VISIBLE_SECONDS = 1.0
NEVER = datetime.fromtimestamp(0, UTC)


class Stage(StrEnum):
    """How far a release is. One that `takes` waits as well, but only for a release that has
    launched."""

    WAITS = "waits"
    TAKES = "takes"
    HOLDS = "holds"
    LAUNCHED = "launched"


WAITING = {Stage.WAITS, Stage.TAKES}


class Lease(Noun):
    """One release's claim. `ticket` is when the release came, `until` when the lease ends unless it
    is renewed; both are AWS's time, in UTC. `taken_by` is the release that takes the turn from it,
    if there is one; that is a tag of its own."""

    release: str
    run: str
    ticket: datetime
    until: datetime
    stage: Stage = Stage.WAITS
    taken_by: str = ""

    def fresh(self, now: datetime) -> bool:
        return now < self.until

    def renewed(self, now: datetime, stage: Stage | None = None) -> "Lease":
        return self.model_copy(update={"until": now + DURATION, "stage": stage or self.stage})

    @property
    def acts(self) -> bool:
        """Whether it has the turn. A release that has launched keeps the turn until it ends."""
        return self.stage is Stage.LAUNCHED or (self.stage is Stage.HOLDS and not self.taken_by)

    @property
    def key(self) -> str:
        return f"{PREFIX}{self.release}"

    @property
    def keys(self) -> list[str]:
        """The keys of all tags that are about it."""
        return [self.key, f"{TAKEN}{self.release}"]

    def to_tag(self) -> str:
        """At most 256 characters of those that ELB allows in a tag's value."""
        return " ".join([self.stage, self.run, _text(self.ticket), _text(self.until)])

    def marked_by(self, taker: str) -> dict[str, str]:
        """The tag with which `taker` takes the turn from it."""
        return {f"{TAKEN}{self.release}": taker}


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _lease(release: str, value: str, taken_by: str) -> Lease | None:
    parts = value.split()
    if len(parts) != 4 or parts[0] not in set(Stage):
        return None
    try:
        ticket, until = datetime.fromisoformat(parts[2]), datetime.fromisoformat(parts[3])
    except ValueError:
        return None
    # A time without a zone cannot be compared with ours.
    if ticket.tzinfo is None or until.tzinfo is None:
        return None
    return Lease(
        release=release,
        run=parts[1],
        ticket=ticket,
        until=until,
        stage=Stage(parts[0]),
        taken_by=taken_by,
    )


def from_tags(tags: Mapping[str, str]) -> list[Lease]:
    """The leases among a target group's tags. A tag that cannot be read is no lease. A mark whose
    lease has gone counts as a dead lease, so that it is removed with those."""
    marks = {key.removeprefix(TAKEN): by for key, by in tags.items() if key.startswith(TAKEN)}
    found = {}
    for key, value in tags.items():
        release = key.removeprefix(PREFIX)
        if key.startswith(PREFIX) and (one := _lease(release, value, marks.get(release, ""))):
            found[release] = one
    orphans = [
        Lease(release=release, run="", ticket=NEVER, until=NEVER, taken_by=by)
        for release, by in marks.items()
        if release not in found
    ]
    return [*found.values(), *orphans]


def _rank(one: Lease) -> tuple[int, datetime, str]:
    # Nobody waits for a release from which the turn was taken.
    stages = [Stage.LAUNCHED, Stage.HOLDS, Stage.TAKES, Stage.WAITS]
    given_up = one.stage is Stage.HOLDS and not one.acts
    return (len(stages) if given_up else stages.index(one.stage), one.ticket, one.release)


def queue(leases: Iterable[Lease], now: datetime, ended_runs: Collection[str]) -> list[Lease]:
    """The leases of the living, the holder's first. A release is dead if its run has ended, or if
    it stopped renewing."""
    living = [one for one in leases if one.fresh(now) and one.run not in ended_runs]
    return sorted(living, key=_rank)


def ahead(
    own: Lease, leases: Iterable[Lease], now: datetime, ended_runs: Collection[str]
) -> list[Lease]:
    """The leases that it waits for, the holder's first."""
    others = [one for one in leases if one.release != own.release]
    return [one for one in queue(others, now, ended_runs) if _rank(one) < _rank(own)]


def to_take(own: Lease, before: Iterable[Lease]) -> list[Lease]:
    """The leases before it from which a release takes the turn: the holder's. None, if one of them
    has launched, or takes the turn first."""
    line = list(before)
    stages = {one.stage for one in line}
    return line if own.stage is Stage.TAKES and stages == {Stage.HOLDS} else []


def rivals(
    own: Lease, leases: Iterable[Lease], now: datetime, ended_runs: Collection[str]
) -> list[Lease]:
    """The leases of others that live and have the turn as well."""
    others = [one for one in leases if one.release != own.release and one.acts]
    return queue(others, now, ended_runs)


def missing(own: Lease, written: Collection[str], leases: Iterable[Lease]) -> str:
    """Why AWS does not have our lease as it was `written`; empty if it has."""
    found = next((one for one in leases if one.release == own.release), None)
    if found is None or not found.run:
        return "its lease is not there any more: it was taken for dead"
    if found.to_tag() not in written:
        return f"its lease is not what it wrote, but {found.to_tag()!r}"
    return ""


def expired(own: Lease, now: datetime) -> str:
    """Why our lease is over; empty while it runs."""
    if own.fresh(now):
        return ""
    return (
        f"its lease ended at {own.until:%H:%M:%S} UTC by AWS's clock without renewal (was this "
        "machine asleep, or AWS out of reach?)"
    )
