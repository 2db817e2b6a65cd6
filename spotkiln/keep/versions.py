"""Versions: the images that have served a target group, which it can go back to."""

from collections.abc import Iterable
from datetime import datetime

from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.migrations import Between, compare
from spotkiln.errors import InputError
from spotkiln.moment import utc
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet

PREVIOUS = "previous"
# What serves: the same image once more, on new servers.
CURRENT = "current"
# Git's own least abbreviation.
SHORTEST = 4
# What may name a version at all, and how the form in the Prefect UI says it.
WANTED = rf"^({PREVIOUS}|{CURRENT}|ami-[0-9a-f]+|[0-9A-Fa-f]{{{SHORTEST},64}})$"
WANTED_IN_WORDS = (
    f"{PREVIOUS}, {CURRENT}, an image such as ami-0f3c2d1e, or {SHORTEST} or more characters of a "
    "commit"
)


class Version(Noun):
    """An image that has served the target group and is still there.

    `released` is when the image last began to serve the target group, `until` when that ended; both
    are UTC. `suspect` says when, where and why a verdict has blamed it since. `left` says that a
    rollback took it out of service.
    """

    image: str
    commit: str
    released: datetime
    until: datetime | None = None
    serving: bool = False
    suspect: str = ""
    left: bool = False

    @property
    def remarks(self) -> str:
        marks = ["left by a rollback"] if self.left else []
        return "; ".join([*marks, *([f"suspect: {self.suspect}"] if self.suspect else [])])

    def __str__(self) -> str:
        text = f"{self.image} of commit {self.commit[:12]}, released {utc(self.released)}"
        text += ", serving" if self.serving else ""
        return text + (f" ({self.remarks})" if self.remarks else "")


class WayBack(Noun):
    """Where a rollback goes: to this image, which is this version. `held` are the commits that it
    leaves, the newest first. `migrations` are those that lie between: the database has them, and
    this version does not know them; None if neither tells of any."""

    image: Image
    version: Version
    held: tuple[str, ...] = ()
    migrations: Between | None = None

    @property
    def restarts(self) -> bool:
        """Whether it is what serves already: nothing is gone back to."""
        return self.version.serving


def listing(images: Iterable[Image], group: str, current: Fleet | None) -> list[Version]:
    """A target group's versions among an application's images, the one released last first.

    `current` is the fleet that serves the group. An image that is not available, or that never
    served this group, is no version of it.
    """
    found = []
    for image in images:
        served = image.served.get(group)
        if served and image.available and image.state in _PROVED:
            serving = current is not None and current.image == image.id
            found.append(
                Version(
                    image=image.id,
                    commit=image.commit,
                    released=served.since,
                    until=None if serving else served.until,
                    serving=serving,
                    suspect=image.suspect,
                    left=served.left,
                )
            )
    return sorted(found, key=lambda one: (one.released, one.image), reverse=True)


def lie_between(images: Iterable[Image], current: Fleet | None, back: Image) -> Between | None:
    """The migrations of what serves that the version to go back to does not have; None if nothing
    serves, or neither tells of any."""
    serving = next((one for one in images if current and one.id == current.image), None)
    return compare(back.migrations, serving.migrations) if serving else None


# Earlier releases of Spotkiln rejected versions as well: such an image has served, so a person may
# name it.
_PROVED = {ImageState.TESTED, ImageState.REJECTED}


def choose(versions: list[Version], wanted: str, app: str) -> Version:
    """The version that is meant by `wanted`: an image's id, a commit or the beginning of one,
    `current`, which is the one that serves, or `previous` (or nothing), which is the version
    released last before that.

    If a commit has several images, the one released last is taken; but one that is not suspect, if
    there is one. `previous` is never a version that a rollback left: a second rollback goes further
    back.

    Raises:
        InputError: there is no such version, or several commits begin so. The message lists the
            versions there are.
    """
    if wanted in {"", PREVIOUS}:
        return _previous(versions, app)
    if wanted == CURRENT:
        return _serving(versions, app)
    if wanted.startswith("ami-"):
        found = [one for one in versions if one.image == wanted]
    elif len(wanted) >= SHORTEST:
        found = [one for one in versions if one.commit.startswith(wanted.lower())]
    else:
        raise InputError(
            f"expected an image's id, at least {SHORTEST} characters of a commit, {PREVIOUS!r} or "
            f"{CURRENT!r}, got {wanted!r}; {_known(versions)}"
        )
    if not found:
        raise InputError(f"{app} has no version {wanted!r}; {_known(versions)}")
    if len({one.commit for one in found}) > 1:
        raise InputError(f"several commits begin with {wanted!r}; {_known(found)}")
    return _sound(found)


def _previous(versions: list[Version], app: str) -> Version:
    others = [one for one in versions if not one.serving]
    found = [one for one in others if not one.left]
    if not found:
        forth = "; what a rollback left is taken only by its name" if others else ""
        raise InputError(f"{app} has no earlier version to go back to{forth}; {_known(versions)}")
    return _sound(found)


def _serving(versions: list[Version], app: str) -> Version:
    found = next((one for one in versions if one.serving), None)
    if found is None:
        raise InputError(f"nothing of {app} serves that could be restarted; {_known(versions)}")
    return found


def _sound(found: list[Version]) -> Version:
    return next((one for one in found if not one.suspect), found[0])


def _known(versions: list[Version]) -> str:
    listed = "; ".join(map(str, versions)) or "none"
    return f"there are: {listed}"
