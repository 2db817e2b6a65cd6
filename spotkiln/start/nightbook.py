"""The night's book: what is known of a nightly run so far, and what follows from it.

A book is never changed: each thing that happens makes a new one.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from spotkiln.bake.base import why_replaced
from spotkiln.bake.image import Image
from spotkiln.bake.recipe import Recipe
from spotkiln.errors import RebuildFailed, SpotkilnError
from spotkiln.noun import Noun
from spotkiln.release.release import Outcome
from spotkiln.release.summary import TOLD_TO_END
from spotkiln.start.night import Exposed, Night, NightOutcome, NightSpec, Rebuilt


class NightBook(Noun):
    """`outcome` is None until it is known how the night ends, and may be another one later. `base`
    is what applications are baked on from now on, `changed` what made the new one differ."""

    id: str
    run: str
    spec: NightSpec
    started: datetime
    outcome: NightOutcome | None = None
    why: str = ""
    base: Image | None = None
    changed: str = ""
    applications: tuple[Rebuilt, ...] = ()
    left_out: tuple[str, ...] = ()
    exposed: tuple[Exposed, ...] = ()
    pruned: tuple[str, ...] = ()

    def _with(self, **changed: object) -> Self:
        return self.model_copy(update=changed)

    def _ends(self, outcome: NightOutcome, why: str) -> Self:
        return self._with(outcome=outcome, why=why)

    def switched(self, *, on: bool) -> Self:
        """The off switch was read."""
        if on:
            return self
        why = f"the Prefect variable {self.spec.switch} is off: nothing was done"
        return self._ends(NightOutcome.OFF, why)

    def at(self, now: datetime, consequence: str) -> Self:
        """It is `now`. In quiet hours the night ends; `consequence` says what that means."""
        quiet = self.spec.quiet
        if quiet is None or not quiet.hold(now):
            return self
        return self._ends(NightOutcome.QUIET, f"quiet hours {quiet}: {consequence}")

    def leaving_out(self, names: Iterable[str]) -> Self:
        """These take their images from elsewhere."""
        return self._with(left_out=tuple(names))

    def baked(self, fingerprint: Recipe, current: Image | None, login: str = "") -> Self:
        """A new base image was baked, which lets in `login`; `current` is the one so far, if there
        is one."""
        changed = why_replaced(fingerprint, current, login)
        if current is None or changed:
            return self._with(changed=changed)
        why = f"the new base image holds what {current.id} holds, and was discarded"
        return self._with(base=current)._ends(NightOutcome.UNCHANGED, why)

    def promoted(self, base: Image) -> Self:
        """The new base image is the one to build on."""
        why = f"{base.id} is the base image from now on"
        return self._with(base=base)._ends(NightOutcome.REBUILT, why)

    @property
    def releases(self) -> bool:
        """Whether the applications are released now."""
        unchanged = self.outcome is NightOutcome.UNCHANGED
        return self.outcome is NightOutcome.REBUILT or (unchanged and self.spec.even_if_unchanged)

    def rebuilt(self, application: Rebuilt) -> Self:
        """One application was released, or it is known why it was not."""
        return self._with(applications=(*self.applications, application))

    def all_rebuilt(self) -> Self:
        """The last of the applications has been."""
        why = self.why
        if self.outcome is NightOutcome.UNCHANGED:
            why += "; the applications were to be released"
        if held := self._named(Outcome.HELD):
            why += f"; held since a rollback, left alone: {held}"
        if frozen := self._named(Outcome.FROZEN):
            why += f"; frozen, and released when the freeze ends: {frozen}"
        if late := self._named(NightOutcome.QUIET):
            why = f"quiet hours {self.spec.quiet}: not started any more: {late}"
            return self._ends(NightOutcome.QUIET, why)
        return self._ends(NightOutcome.REBUILT, why)

    def _named(self, outcome: str) -> str:
        """The applications with that outcome."""
        return ", ".join(x.application for x in self.applications if x.outcome == outcome)

    def checked(self, application: Exposed) -> Self:
        """What serves one application was checked for known vulnerabilities."""
        return self._with(exposed=(*self.exposed, application))

    def with_pruned(self, images: Iterable[str]) -> Self:
        """Base images that nothing needs any more were removed."""
        return self._with(pruned=(*self.pruned, *images))

    def failed(self, error: BaseException, *, cancelled: bool | None = None) -> Self:
        """An error ended the night. `cancelled`: whether somebody has cancelled its run; None if
        that is not known."""
        if not isinstance(error, Exception):
            return self._ends(NightOutcome.CANCELLED, TOLD_TO_END[cancelled])
        text = str(error) or type(error).__name__
        known = isinstance(error, SpotkilnError)
        why = text if known else f"{type(error).__name__}: {text}"
        return self._ends(NightOutcome.FAILED, why)

    def require_all(self) -> None:
        """
        Raises:
            RebuildFailed: with every application that failed, its cause and its run.
        """
        failed = [one for one in self.applications if one.failed]
        if failed:
            raise RebuildFailed(
                f"{len(failed)} of {len(self.applications)} applications could not be rebuilt and "
                f"serve as before: {'; '.join(map(str, failed))}"
            )

    def night(self, now: datetime) -> Night:
        """The night as the book tells it at the time `now`, in UTC."""
        return Night(
            id=self.id,
            run=self.run,
            outcome=self.outcome or NightOutcome.FAILED,
            why=self.why,
            base=self.base,
            changed=self.changed,
            applications=self.applications,
            left_out=self.left_out,
            exposed=self.exposed,
            pruned=self.pruned,
            started=self.started,
            ended=now,
        )
