"""Where a release ends early, because it must not or need not change anything.

Each of these raises EndsEarly, which tells the outcome and why; otherwise the release goes on.
"""

from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.reuse import Reuse
from spotkiln.release.approval import NOBODY_WAS_ASKED, changed_since_approval
from spotkiln.release.release import EndsEarly, Outcome
from spotkiln.release.summary import why_held, why_untouched
from spotkiln.serve.fleet import Fleet
from spotkiln.tasks.release.run import ReleaseRun
from spotkiln.tasks.runs import newer_push
from spotkiln.tasks.serve.fleet import is_unchanged


def end_if_held(run: ReleaseRun) -> None:
    """A rollback has left this commit: what serves is left alone."""
    if why := why_held(run.book):
        raise EndsEarly(Outcome.HELD, why)


def end_if_newer_push(run: ReleaseRun) -> None:
    """A newer push to the same branch is released in this one's place."""
    if why := newer_push(run.flow_run):
        raise EndsEarly(Outcome.SUPERSEDED, why)


def end_if_unchanged(
    run: ReleaseRun, infra: Infra, image: Image | None, current: list[Fleet]
) -> None:
    """This very image serves already, with these settings. `image`: None if it must be baked."""
    spec = run.spec
    if not image or not current or spec.force:
        return
    if is_unchanged(infra, spec.fleet, image, current[0]):
        raise EndsEarly(Outcome.UNCHANGED)


def end_if_untouched(run: ReleaseRun, choice: Reuse) -> None:
    """A push to a repository of several applications has touched nothing of this one."""
    if why := why_untouched(run.book, files_serve=choice.files_serve):
        raise EndsEarly(Outcome.UNCHANGED, why)


def end_if_changed_since_approval(
    run: ReleaseRun, image: Image | None, current: list[Fleet]
) -> None:
    """The release would no longer do what a person approved. Or there was nothing to do, so nobody
    was asked, and now there is."""
    approved = run.book.approved
    if run.spec.approval.required and approved is None:
        raise EndsEarly(Outcome.DECLINED, NOBODY_WAS_ASKED)
    if why := changed_since_approval(approved, image, current):
        raise EndsEarly(Outcome.DECLINED, why)
