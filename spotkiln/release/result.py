"""Result: how a release ended, in the few words that its run leaves with Prefect.

Whoever started the run, such as the command or the night, reads it there. It outlives the run's
process, and any host can read it.
"""

from typing import Self

from pydantic import ValidationError

from spotkiln.markup import harmless
from spotkiln.noun import Noun
from spotkiln.release.release import Outcome, Release


class Result(Noun):
    """`release`, `image` and `fleet` are ids, the latter two empty if there is none. `database` is
    as the release tells it."""

    release: str
    outcome: Outcome
    cause: str = ""
    commit: str = ""
    image: str = ""
    fleet: str = ""
    database: str = ""

    @classmethod
    def of(cls, release: Release) -> Self:
        return cls(
            release=release.id,
            outcome=release.outcome,
            cause=harmless(release.cause),
            commit=release.commit[:12],
            image=release.image.id if release.image else "",
            fleet=release.fleet.id if release.fleet else "",
            database=harmless(release.database),
        )

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From JSON; None if another version of Spotkiln wrote it and this one cannot read it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
