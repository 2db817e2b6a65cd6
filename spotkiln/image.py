"""Image: a baked application, from candidate to tested or rejected."""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field

from spotkiln import tags as t
from spotkiln.noun import Noun

# What `base_name` makes.
BASE_NAME = re.compile(r"[a-z][a-z0-9-]* \d{4}-\d\d-\d\d \d\d-\d\d (base-[0-9a-f]{12})")


class ImageState(StrEnum):
    CANDIDATE = "candidate"
    TESTED = "tested"
    REJECTED = "rejected"
    # Applications may be built upon it.
    BASE = "base"


class Image(Noun):
    """An AMI. Times are UTC. `copied`: CopyImage made it, of another AMI."""

    id: str
    name: str
    region: str
    created: datetime
    available: bool
    architecture: str = "x86_64"
    snapshots: tuple[str, ...] = ()
    copied: bool = False
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def app(self) -> str:
        return self.tags.get(t.APP, "")

    @property
    def commit(self) -> str:
        return self.tags.get(t.COMMIT, "")

    @property
    def release(self) -> str:
        """From its tag; else from its name: a kill can leave an image that was never tagged."""
        return self.tags.get(t.RELEASE, "") or release_of(self.name)

    @property
    def ours(self) -> bool:
        """A release or a nightly run chose its name. Its tags alone prove nothing: copies and
        backups may carry them."""
        chosen = release_of(self.name)
        return bool(chosen) and not self.copied and chosen == self.release

    @property
    def recipe(self) -> str:
        return self.tags.get(t.RECIPE, "")

    @property
    def inputs(self) -> str:
        return self.tags.get(t.INPUTS, "")

    @property
    def state(self) -> ImageState | None:
        """None for images that are not ours: bases that somebody made by hand, foreign ones."""
        value = self.tags.get(t.STATE)
        return ImageState(value) if value in set(ImageState) else None

    @property
    def base(self) -> str:
        """The id of the base image that it was baked on; empty for what is no application's."""
        inputs = dict(part.split("=", 1) for part in self.inputs.split() if "=" in part)
        return inputs.get("base", "")

    @property
    def is_base(self) -> bool:
        """Baked by a nightly run: from its tag, or from its name if a kill left it untagged."""
        return t.BASE in self.tags or bool(BASE_NAME.fullmatch(self.name))

    def with_tags(self, **changes: str) -> Self:
        return self.model_copy(update={"tags": {**self.tags, **changes}})


def image_name(app: str, commit: str, release: str) -> str:
    """Chosen before the bake, so that even an image that was never tagged can be found again.

    At most 128 of the characters that EC2 allows.
    """
    return f"{app}/{commit[:12]}/{release}"[:128]


def base_name(name: str, when: str, owner: str) -> str:
    """As `image_name`, for a base image: `when` is how the time is written in it."""
    return f"{name} {when} {owner}"


def release_of(name: str) -> str:
    """The release in a name that `image_name` made, or the owner in one that `base_name` made;
    empty for other names."""
    if base := BASE_NAME.fullmatch(name):
        return base[1]
    match = re.fullmatch(r"([a-z][a-z0-9-]*)/[0-9a-f]{12}/(\1-[0-9a-f]{12})", name)
    return match[2] if match else ""


def newest(images: list[Image]) -> Image | None:
    return max(images, key=lambda image: (image.created, image.id), default=None)


def superseded(images: list[Image], keep: int, in_use: set[str]) -> list[Image]:
    """The released images beyond the newest `keep`; none that is in use."""
    released = sorted(
        (image for image in images if t.RELEASED in image.tags),
        key=lambda image: (image.tags[t.RELEASED], image.id),
        reverse=True,
    )
    return [image for image in released[keep:] if image.id not in in_use]


def discardable(images: Iterable[Image], release: str, in_use: set[str]) -> list[Image]:
    """What undoing a release takes away: images that it baked, and rejected ones.

    None that shall be kept, and none that a fleet uses, a rejected one neither: the fleet that
    serves could replace nothing without its image.
    """
    return [
        image
        for image in images
        if (image.release == release or image.state is ImageState.REJECTED)
        and t.KEEP not in image.tags
        and image.id not in in_use
    ]
