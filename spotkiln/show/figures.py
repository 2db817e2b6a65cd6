"""Figures: DORA's four of an application in one environment, and what its servers saved."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Self

from spotkiln.noun import Noun
from spotkiln.release.release import Outcome
from spotkiln.release.result import Kind, Result

DAYS = 30
WEEK = 7


class Deed(Noun):
    """One run that ended with a result. `ended` is when the run was over; all times are UTC.
    `usd_per_hour` is the price of the servers as they are, and `usd_on_demand` of the same
    On-Demand; None if it is not known."""

    kind: Kind
    outcome: Outcome
    ended: datetime
    committed: datetime | None = None
    served: datetime | None = None
    usd_per_hour: float | None = None
    usd_on_demand: float | None = None

    @classmethod
    def of(cls, result: Result, ended: datetime) -> Self:
        return cls(
            kind=result.kind,
            outcome=result.outcome,
            ended=ended,
            committed=result.committed,
            served=result.served,
            usd_per_hour=result.usd_per_hour,
            usd_on_demand=result.usd_on_demand,
        )


class Figures(Noun):
    """Of one application in one environment, by its deployment's name, in the last `days`.

    `releases` came to serve; `lead_seconds` is from commit to serving; `failed` of them were left
    by a rollback, which took `restored_seconds` from serving to serving again. These two are
    medians. `stopped` failed or were rolled back before they served anybody. `saved_usd` is
    against On-Demand since `saved_since`. None: there is nothing to reckon with.
    """

    name: str
    days: int
    until: datetime
    releases: int = 0
    stopped: int = 0
    failed: int = 0
    rollbacks: int = 0
    lead_seconds: float | None = None
    restored_seconds: float | None = None
    saved_usd: float | None = None
    saved_since: datetime | None = None

    @property
    def per_week(self) -> float:
        return self.releases * WEEK / self.days

    @property
    def failure_ratio(self) -> float | None:
        return self.failed / self.releases if self.releases else None


def _middle(found: Sequence[float]) -> float | None:
    return median(found) if found else None


def _seconds(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())


def _saved(serving: Sequence[Deed], now: datetime) -> tuple[float | None, datetime | None]:
    """While each served, until the next one did. Where a price is not known nothing is reckoned."""
    total, since = None, None
    for at, one in enumerate(serving):
        following = serving[at + 1].served if at + 1 < len(serving) else now
        saved = _saved_per_hour(one)
        if one.served is None or following is None or saved is None:
            continue
        total = (total or 0.0) + saved * _seconds(one.served, following) / 3600
        since = since or one.served
    return total, since


def _saved_per_hour(one: Deed) -> float | None:
    if one.usd_per_hour is None or one.usd_on_demand is None:
        return None
    return one.usd_on_demand - one.usd_per_hour


def reckon(name: str, deeds: Iterable[Deed], now: datetime, days: int = DAYS) -> Figures:
    """From the runs of the last `days`, in any order."""
    start = now - timedelta(days=days)
    known = sorted((x for x in deeds if start <= x.ended <= now), key=lambda x: x.served or x.ended)
    serving = [x for x in known if x.outcome is Outcome.RELEASED and x.served]
    released = [x for x in serving if x.kind is Kind.RELEASE]
    leads = [_seconds(x.committed, x.served) for x in released if x.committed and x.served]
    # A restart changes nothing: what is rolled back is what was released before it.
    changes = [x for x in serving if x.kind is not Kind.RESTART]
    left = [
        (bad, good)
        for bad, good in pairwise(changes)
        if bad.kind is Kind.RELEASE and good.kind is Kind.ROLLBACK
    ]
    saved, since = _saved(serving, now)
    return Figures(
        name=name,
        days=days,
        until=now,
        releases=len(released),
        stopped=sum(
            x.kind is Kind.RELEASE and x.outcome in {Outcome.FAILED, Outcome.ROLLED_BACK}
            for x in known
        ),
        failed=len(left),
        rollbacks=sum(x.kind is Kind.ROLLBACK for x in serving),
        lead_seconds=_middle(leads),
        restored_seconds=_middle(
            [_seconds(bad.served, good.served) for bad, good in left if bad.served and good.served]
        ),
        saved_usd=saved,
        saved_since=since,
    )


def lasted(seconds: float | None) -> str:
    """A time for people; empty if it is not known."""
    if seconds is None:
        return ""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


HEADER = (
    "application",
    "released",
    "per week",
    "commit to serving",
    "left by a rollback",
    "restored in",
    "stopped before",
    "saved",
)


def row(one: Figures) -> tuple[str, ...]:
    ratio = one.failure_ratio
    saved = f"{one.saved_usd:.2f} USD" if one.saved_usd is not None else ""
    since = f" since {one.saved_since:%Y-%m-%d}" if one.saved_since else ""
    return (
        one.name,
        str(one.releases),
        f"{one.per_week:.1f}",
        lasted(one.lead_seconds),
        f"{one.failed} ({100 * ratio:.0f} %)" if ratio is not None else "",
        lasted(one.restored_seconds),
        str(one.stopped),
        saved + since,
    )
