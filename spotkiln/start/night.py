"""Night: what a nightly rebuild was asked for, and how it ended."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, ValidationError

from spotkiln.bake.base import BaseSpec
from spotkiln.bake.builder import Builder
from spotkiln.bake.image import Image
from spotkiln.bake.interpreter import from_tags, in_words
from spotkiln.errors import InputError
from spotkiln.markup import harmless, plain, table
from spotkiln.moment import utc
from spotkiln.noun import Noun
from spotkiln.release.release import Outcome
from spotkiln.start.applications import EVERY, left_out_in_words
from spotkiln.start.quiet import QuietHours, QuietText

SideBySide = Annotated[int, Field(ge=1, le=50)]


class NightSpec(Noun):
    """All that a person can ask for."""

    base: BaseSpec = BaseSpec()
    builder: Builder = Builder()
    applications: tuple[str, ...] = (EVERY,)
    side_by_side: SideBySide = 1
    quiet_hours: QuietText = ""
    switch: str = ""
    even_if_unchanged: bool = False

    @property
    def quiet(self) -> QuietHours | None:
        return QuietHours.parse(self.quiet_hours)


class NightOutcome(StrEnum):
    OFF = "off"
    QUIET = "quiet"
    UNCHANGED = "unchanged"
    REBUILT = "rebuilt"
    FAILED = "failed"
    CANCELLED = "cancelled"


# A release that a person declined, or a rollback forbids, or that gave way, is no failure; nor is
# one that waits for the end of a freeze.
FINE = {
    Outcome.RELEASED,
    Outcome.UNCHANGED,
    Outcome.DECLINED,
    Outcome.HELD,
    Outcome.FROZEN,
    Outcome.SUPERSEDED,
    NightOutcome.QUIET,
}


class Rebuilt(Noun):
    """How the release of one application ended; `application` is its deployment's name. `outcome`
    is the release's own, or `failed`, or `quiet`: it was not started. `url` is its run's page."""

    application: str
    outcome: str
    cause: str = ""
    run: str = ""
    url: str = ""

    @property
    def failed(self) -> bool:
        return self.outcome not in FINE

    def __str__(self) -> str:
        text = f"{self.application}: {self.outcome}"
        text += f", {self.cause}" if self.cause else ""
        return text + (f" ({self.url})" if self.url else "")


class Exposed(Noun):
    """What is known of what is in the image that serves one application, in words."""

    application: str
    image: str = ""
    told: tuple[str, ...] = ()


class Night(Noun):
    """How a nightly run ended, and why. `base` is what applications are baked on now; `changed`
    is what made the new one differ. `left_out` are deployments that take their images from
    elsewhere, and were therefore not released. Times are UTC."""

    id: str
    run: str
    outcome: NightOutcome
    why: str = ""
    base: Image | None = None
    changed: str = ""
    applications: tuple[Rebuilt, ...] = ()
    left_out: tuple[str, ...] = ()
    exposed: tuple[Exposed, ...] = ()
    pruned: tuple[str, ...] = ()
    started: datetime
    ended: datetime


class NightResult(Noun):
    """How a night ended, in the few words that its run leaves with Prefect. `image` is the id of
    what applications are baked on from now on."""

    outcome: NightOutcome
    cause: str = ""
    image: str = ""

    @classmethod
    def of(cls, night: Night) -> Self:
        base = night.base.id if night.base else ""
        return cls(outcome=night.outcome, cause=harmless(night.why), image=base)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From JSON; None if another version of Spotkiln wrote it and this one cannot read it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None


def is_on(value: object) -> bool:
    """Whether the switch's value means on. No value means on.

    Raises:
        InputError: it says neither on nor off.
    """
    text = str(value).strip().lower()
    if value is None or text in {"", "on", "true", "yes", "1"}:
        return True
    if text in {"off", "false", "no", "0"}:
        return False
    raise InputError(
        f"expected the switch to be `on` or `off`, got {text!r}; set the variable anew"
    )


def _run(one: Rebuilt) -> str:
    return f"[{one.run[:8]}]({one.url})" if one.url else one.run[:8]


def _exposed(found: Iterable[Exposed]) -> list[str]:
    return [
        f"- **{plain(one.application)}**{f' (`{one.image}`)' if one.image else ''}: {plain(line)}"
        for one in found
        for line in one.told
    ]


def night_page(night: Night) -> str:
    """The markdown of a nightly run's page."""
    lines = [f"# Nightly rebuild: {night.outcome}", ""]
    if night.why:
        lines += [plain(night.why[:1].upper() + night.why[1:]), ""]
    if night.base:
        has = in_words(from_tags(night.base.tags))
        lines += [f"Base image: `{night.base.id}` ({plain(night.base.name)}): {has}", ""]
    if night.changed:
        lines += [f"What differs from the one before: {plain(night.changed)}", ""]
    if night.applications:
        rows = [
            (plain(x.application), x.outcome, _run(x), plain(x.cause)) for x in night.applications
        ]
        lines += [table(("application", "outcome", "run", "cause"), rows), ""]
    if night.left_out:
        lines += [plain(left_out_in_words(night.left_out)), ""]
    if night.exposed:
        lines += ["## Known vulnerabilities of what serves", "", *_exposed(night.exposed), ""]
    if night.pruned:
        lines += [f"Removed, for nothing needs them any more: {', '.join(night.pruned)}", ""]
    took = f"{(night.ended - night.started).total_seconds():.0f} s"
    lines.append(f"It began at {utc(night.started)} and took {took}. Its run is {night.run}.")
    return "\n".join(lines) + "\n"
