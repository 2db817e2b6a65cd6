"""Result: how a release ended, in the few words that its run leaves with Prefect.

Whoever started the run, such as the command or the night, reads it there. It outlives the run's
process, and any host can read it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import ValidationError

from spotkiln.bake.junit import TestReport
from spotkiln.markup import harmless, visible
from spotkiln.noun import Noun
from spotkiln.release.release import Outcome, Release

# So many are named; the page has more.
NAMED_TESTS = 10


def _failed_tests(report: TestReport) -> tuple[str, ...]:
    named = tuple(harmless(one.name) for one in report.failures[:NAMED_TESTS])
    more = report.failed - len(named)
    return (*named, f"and {more} more") if more else named


class Kind(StrEnum):
    RELEASE = "release"
    ROLLBACK = "rollback"
    RESTART = "restart"


def _kind(release: Release) -> Kind:
    if not release.back_to:
        return Kind.RELEASE
    return Kind.RESTART if release.restarted else Kind.ROLLBACK


def _served(release: Release) -> datetime | None:
    """When its fleet was promoted; None if it never was, or serves for an earlier release."""
    if release.outcome is not Outcome.RELEASED or release.fleet is None:
        return None
    return release.fleet.promoted or release.ended


class Result(Noun):
    """`release`, `image` and `fleet` are ids, the latter two empty if there is none.
    `failed_tests` are the names of the first ones, and how many more there are; `last_lines` are
    what the application said itself where it failed. `what` says whether it was a release, or a
    rollback and to what, `kind` in one word. `committed` is when the commit was made, `served`
    since when the new fleet serves, in UTC; prices are those of its servers.
    `database` is as the release tells it."""

    release: str
    outcome: Outcome
    cause: str = ""
    what: str = ""
    target_group: str = ""
    commit: str = ""
    image: str = ""
    fleet: str = ""
    database: str = ""
    failed_tests: tuple[str, ...] = ()
    last_lines: str = ""
    kind: Kind = Kind.RELEASE
    committed: datetime | None = None
    served: datetime | None = None
    usd_per_hour: float | None = None
    usd_on_demand: float | None = None

    @classmethod
    def of(cls, release: Release) -> Self:
        return cls(
            release=release.id,
            outcome=release.outcome,
            cause=harmless(release.cause),
            what=release.what,
            target_group=release.target_group,
            commit=release.commit[:12],
            image=release.image.id if release.image else "",
            fleet=release.fleet.id if release.fleet else "",
            database=harmless(release.database),
            failed_tests=_failed_tests(release.tests) if release.tests else (),
            last_lines=visible(release.last_lines),
            kind=_kind(release),
            committed=release.committed,
            served=_served(release),
            usd_per_hour=release.cost.per_hour if release.cost else None,
            usd_on_demand=release.cost.on_demand if release.cost else None,
        )

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From JSON; None if another version of Spotkiln wrote it and this one cannot read it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
