"""Hold: what a rollback left is not released again unasked.

The commits are on the tag of the fleet that the rollback asked for. So the hold begins with that
fleet's promotion, and ends when a fleet without it serves; or when a person lifts it.
"""

from collections.abc import Iterable, Sequence

from spotkiln.keep.versions import Version
from spotkiln.serve.fleet import LIFTED, Fleet, short

# As many as fit into a tag's value beside the word that lifts it.
MOST = 18


def after_release(current: Fleet | None, commit: str) -> tuple[str, ...]:
    """What the fleet of a release holds: for the commit that serves already, what has been held;
    any other one is newer, and ends the hold."""
    if current is None or short(current.commit) != short(commit):
        return ()
    return tuple(held for held in current.held if held != short(commit))


def after_rollback(
    current: Fleet | None, versions: Sequence[Version], chosen: Version
) -> tuple[str, ...]:
    """What the fleet of a rollback holds, the newest first: what has been held, and the commits of
    all versions that have served later than the one it goes back to.

    Who goes forth by name, to what an earlier rollback left, holds only what is still further on.
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
    # What serves now is left, whether its image is still there or not.
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
    """The tag's value once a person has lifted it: what was left is still told."""
    return " ".join([LIFTED, *fleet.left])
