"""Versions: the released images that an application can go back to."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from spotkiln import tags as t
from spotkiln.errors import InputError
from spotkiln.image import Image, ImageState
from spotkiln.noun import Noun

PREVIOUS = "previous"
# Git's own least abbreviation.
SHORTEST = 4


class Version(Noun):
    """A released image that is still there. `released` is when it last was, in UTC."""

    image: str
    commit: str
    released: datetime
    serving: bool = False

    def __str__(self) -> str:
        serving = ", serving" if self.serving else ""
        return (
            f"{self.image} of commit {self.commit[:12]}, "
            f"released {self.released:%Y-%m-%d %H:%M:%S} UTC{serving}"
        )


def listing(images: Iterable[Image], serving: Collection[str]) -> list[Version]:
    """The versions among an application's images, the one released last first.

    `serving` are the images of fleets that serve. Rejected images, and those that were never
    released or are not available, are no versions.
    """
    found = []
    for image in images:
        when = _moment(image.tags.get(t.RELEASED, ""))
        if when and image.available and image.state is ImageState.TESTED:
            found.append(
                Version(
                    image=image.id,
                    commit=image.commit,
                    released=when,
                    serving=image.id in serving,
                )
            )
    return sorted(found, key=lambda one: (one.released, one.image), reverse=True)


def _moment(text: str) -> datetime | None:
    """None for what is no time: somebody may have edited the tag."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def choose(versions: list[Version], wanted: str, app: str) -> Version:
    """The version meant by an image's id, by a commit or the beginning of one, or by `previous`
    (or nothing): the one released last before that which serves.

    Of several images of one commit it is the one released last.

    Raises:
        InputError: there is none such, or several commits begin so; it lists what there is.
    """
    if wanted in {"", PREVIOUS}:
        found = [one for one in versions if not one.serving]
        if not found:
            raise InputError(f"{app} has no earlier version to go back to; {_known(versions)}")
        return found[0]
    if wanted.startswith("ami-"):
        found = [one for one in versions if one.image == wanted]
    elif len(wanted) >= SHORTEST:
        found = [one for one in versions if one.commit.startswith(wanted.lower())]
    else:
        raise InputError(
            f"expected an image's id, at least {SHORTEST} characters of a commit or "
            f"{PREVIOUS!r}, got {wanted!r}; {_known(versions)}"
        )
    if not found:
        raise InputError(f"{app} has no version {wanted!r}; {_known(versions)}")
    if len({one.commit for one in found}) > 1:
        raise InputError(f"several commits begin with {wanted!r}; {_known(found)}")
    return found[0]


def _known(versions: list[Version]) -> str:
    listed = "; ".join(map(str, versions)) or "none"
    return f"there are: {listed}"
