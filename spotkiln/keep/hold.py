"""Hold: a commit that a rollback left is not released again unless somebody asks for it.

The commits are in a tag of the fleet that the rollback requested. So the hold begins when that
fleet is promoted. It ends when a fleet without the tag serves, or when a person lifts it.
"""

from collections.abc import Iterable, Sequence

from spotkiln.keep.versions import Version
from spotkiln.serve.fleet import LIFTED, Fleet, short

# As many as fit into a tag's value beside the word that lifts it.
MOST = 18


def after_release(current: Fleet | None, commit: str) -> tuple[str, ...]:
    """The commits that the fleet of a release holds. If the same commit serves already: what was
    held before. Any other commit is newer, and ends the hold."""
    if current is None or short(current.commit) != short(commit):
        return ()
    return tuple(held for held in current.held if held != short(commit))


def after_rollback(
    current: Fleet | None, versions: Sequence[Version], chosen: Version
) -> tuple[str, ...]:
    """The commits that the fleet of a rollback holds, the newest first: what was held before, and
    the commits of all versions that have served later than the one it goes back to.

    A person may name a version that an earlier rollback left, and so go forward again. Then only
    the commits newer than that one stay held.
    """
    before, back_to = (current.held if current else ()), short(chosen.commit)
    if current and current.image == chosen.image:
        return before
    if current and chosen.left and back_to in current.left:
        return before[: before.index(back_to)] if back_to in before else ()
    later = sorted(
        (one for one in versions if one.released > chosen.released),
        key=lambda one: (one.released, one.image),
        reverse=True,
    )
    # The commit that serves now is left as well, even if its image is gone.
    serves = [current.commit] if current else []
    every = (*before, *serves, *(one.commit for one in later))
    return _most(dict.fromkeys(map(short, every)))


def _most(commits: Iterable[str]) -> tuple[str, ...]:
    every = tuple(commits)
    return every if len(every) <= MOST else (every[0], *every[1 - MOST :])


def reason(current: Fleet | None, commit: str) -> str:
    """Why a release of this commit leaves what serves alone; empty if it need not."""
    if current is None or short(commit) not in current.held:
        return ""
    return (
        f"commit {short(commit)} is held since a rollback to {short(current.commit)}, which "
        f"{current.id} serves; release a newer commit, or this one with even_if_held, or lift the "
        "hold: spotkiln unhold"
    )


def to_tag(commits: Iterable[str]) -> str:
    return " ".join(commits)


def lifted(fleet: Fleet) -> str:
    """The tag's value once a person has lifted the hold. It still tells what the rollback left."""
    return " ".join([LIFTED, *fleet.left])
