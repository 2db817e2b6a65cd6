"""Leases: who is alive, and whose turn it is, written on the target group itself.

Every release that wants a target group writes a tag of its own on it and renews it while it
lives. Nobody writes another's tag, so no compare-and-swap is needed: who holds the group is read
from all of them (the bakery's tickets). It needs no Prefect server: a restart or a second server
neither blocks for ever nor lets two overlap.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from spotkiln.noun import Noun

PREFIX = "spotkiln:lease/"
# Renewed every RENEW; gone after DURATION without it.
RENEW = timedelta(seconds=45)
DURATION = timedelta(seconds=150)
# A tag written by another may take this long to be seen by all.
SETTLE_SECONDS = 1.0


class Lease(Noun):
    """One release's claim. `ticket` is when it was drawn, `until` when it ends without renewal;
    both UTC. `holds` is written once the turn has come, so that a skewed clock overtakes nobody."""

    release: str
    run: str
    ticket: datetime
    until: datetime
    holds: bool = False

    def fresh(self, now: datetime) -> bool:
        return now < self.until

    def renewed(self, now: datetime, *, holds: bool | None = None) -> "Lease":
        return self.model_copy(
            update={
                "until": now + DURATION,
                "holds": self.holds if holds is None else holds,
            }
        )

    @property
    def key(self) -> str:
        return f"{PREFIX}{self.release}"

    def to_tag(self) -> str:
        """At most 256 characters of those that ELB allows in a tag's value."""
        state = "holds" if self.holds else "waits"
        return " ".join([state, self.run, _text(self.ticket), _text(self.until)])


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def from_tags(tags: Mapping[str, str]) -> list[Lease]:
    """The leases among a target group's tags; what cannot be read is no lease."""
    found = []
    for key, value in tags.items():
        parts = value.split()
        if not key.startswith(PREFIX) or len(parts) != 4:
            continue
        try:
            ticket, until = datetime.fromisoformat(parts[2]), datetime.fromisoformat(parts[3])
        except ValueError:
            continue
        # A time of nowhere cannot be compared with ours.
        if ticket.tzinfo is None or until.tzinfo is None:
            continue
        found.append(
            Lease(
                release=key.removeprefix(PREFIX),
                run=parts[1],
                ticket=ticket,
                until=until,
                holds=parts[0] == "holds",
            )
        )
    return found


def queue(leases: Iterable[Lease], now: datetime, ended_runs: frozenset[str]) -> list[Lease]:
    """The living claims, the holder first. A run that ended, or that stopped renewing, is dead."""
    living = [one for one in leases if one.fresh(now) and one.run not in ended_runs]
    return sorted(living, key=lambda one: (not one.holds, one.ticket, one.release))
