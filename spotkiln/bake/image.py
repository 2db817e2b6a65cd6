"""Image: a baked application, from candidate to tested or rejected."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field

from spotkiln import tags as t
from spotkiln.bake.image_name import BASE_NAME, LAYER_NAME, release_of
from spotkiln.bake.migrations import Migrations
from spotkiln.bake.served import Served, moment_of, text_of
from spotkiln.noun import Noun

# Whom a machine of Debian's images lets in.
LOGIN = "admin"
# The input of a recipe that names what a release's other image was baked on.
OTHER_BASE = "other_base"
# A copy takes an hour at most; a mark that is older was left by a run that was killed.
COPYING_AT_MOST = timedelta(days=1)


class ImageState(StrEnum):
    CANDIDATE = "candidate"
    TESTED = "tested"
    REJECTED = "rejected"
    # Its application was taken down. It has served, and nobody goes back to it.
    RETIRED = "retired"
    # Applications may be built upon it.
    BASE = "base"
    # One application may, as long as its dependencies are these.
    LAYER = "layer"


class Image(Noun):
    """An AMI. Times are UTC. `root_gib`: of its root disk, 0 if that is not known. `encrypted`:
    those of its snapshots that are. `copied_from`: if CopyImage made it, the region and the id of
    what it was made of, as EC2 tells them. `deprecated`: from when on, if it has such a date.

    A release for two architectures has two images of one commit: `twin` is the one of the second.
    Whatever becomes of the first, becomes of both; what is written on the first is true of both."""

    id: str
    name: str
    region: str
    created: datetime
    available: bool
    architecture: str = "x86_64"
    root_device: str = "/dev/xvda"
    root_gib: int = 0
    encrypted: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    copied_from: str = ""
    failed: bool = False
    deprecated: datetime | None = None
    twin: "Image | None" = None
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def every(self) -> tuple["Image", ...]:
        """It, and its twin if it has one."""
        return (self, self.twin) if self.twin else (self,)

    @property
    def alone(self) -> Self:
        """The same without its twin."""
        return self.model_copy(update={"twin": None})

    @property
    def ids(self) -> tuple[str, ...]:
        """Of `every`."""
        return tuple(one.id for one in self.every)

    def among(self, ids: Collection[str]) -> bool:
        """Whether it or its twin is."""
        return any(one in ids for one in self.ids)

    @property
    def whole(self) -> bool:
        """Whether servers of all architectures that it was baked for can be launched."""
        return all(one.available for one in self.every) and bool(self.twin) == bool(self.other_base)

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
        backups may carry them. A copy is ours if it says itself of what a release has made it: a
        copy of that one says the same, and EC2 knows better."""
        chosen = release_of(self.name)
        by_us = self.copied_from == self.tags.get(t.COPIED_FROM, "")
        return bool(chosen) and chosen == self.release and (not self.copied_from or by_us)

    def copying(self, now: datetime) -> str:
        """Who copies it just now, in words; empty for nobody. What was killed is soon forgotten."""
        for key, value in sorted(self.tags.items()):
            since, _, release = value.partition(" ")
            begun = moment_of(since)
            if key.startswith(t.COPYING) and begun and now - begun < COPYING_AT_MOST:
                return f"{release} copies it to {key.removeprefix(t.COPYING)}"
        return ""

    @property
    def recipe(self) -> str:
        return self.tags.get(t.RECIPE, "")

    @property
    def inputs(self) -> str:
        return self.tags.get(t.INPUTS, "")

    @property
    def config(self) -> tuple[str, ...]:
        """The names of the settings that its servers need, as far as it tells."""
        return tuple(self.tags.get(t.CONFIG, "").split())

    @property
    def mounts(self) -> tuple[str, ...]:
        """The folders that its servers mount, as far as it tells."""
        return tuple(self.tags.get(t.MOUNTS, "").split())

    @property
    def serving_seconds(self) -> int | None:
        """As App's; None if it does not tell."""
        told = self.tags.get(t.SERVING_SECONDS, "")
        return int(told) if told.isdecimal() else None

    @property
    def migrations(self) -> Migrations | None:
        """Which it has; None if it does not tell."""
        return Migrations.from_tags(self.tags)

    @property
    def state(self) -> ImageState | None:
        """None for images that are not ours: bases that somebody made by hand, foreign ones."""
        value = self.tags.get(t.STATE)
        return ImageState(value) if value in set(ImageState) else None

    @property
    def base(self) -> str:
        """The id of the base image that it was baked on; empty for what is no application's."""
        return self._input("base")

    @property
    def other_base(self) -> str:
        """The same of its release's image for the other architecture; empty if there is none."""
        return self._input(OTHER_BASE)

    def _input(self, name: str) -> str:
        inputs = dict(part.split("=", 1) for part in self.inputs.split() if "=" in part)
        return inputs.get(name, "")

    @property
    def is_base(self) -> bool:
        """Baked by a nightly run: from its tag, or from its name if a kill left it untagged."""
        return t.BASE in self.tags or bool(BASE_NAME.fullmatch(self.name))

    @property
    def is_layer(self) -> bool:
        """An application's dependencies: from its tag, or from its name if a kill left it
        untagged."""
        return t.LAYER in self.tags or bool(LAYER_NAME.fullmatch(self.name))

    @property
    def from_layer(self) -> str:
        """Of an application's image: who owns the layer of its dependencies, whether or not it was
        there; empty if it can have none."""
        return self.tags.get(t.FROM_LAYER, "").partition(" ")[0]

    @property
    def line(self) -> str:
        """Of a base image of ours: the name of its line. Empty for all others."""
        if not self.is_base or not self.ours:
            return ""
        return self.tags.get(t.BASE, "") or self.name.split(" ")[0]

    @property
    def login(self) -> str:
        """The user that a machine of it lets in by SSH."""
        return self.tags.get(t.LOGIN, LOGIN)

    @property
    def released(self) -> bool:
        """Whether it has ever served: then no verdict takes it away."""
        return t.RELEASED in self.tags or any(key.startswith(t.SERVED) for key in self.tags)

    @property
    def kept(self) -> bool:
        """Whether somebody wants to keep it: then nothing of ours takes it away."""
        return t.KEEP in self.tags

    @property
    def served(self) -> dict[str, Served]:
        """By the names of target groups. An image from the time before these tags served the group
        that it was baked for, when it was last released."""
        told = {
            key.removeprefix(t.SERVED): served
            for key, value in self.tags.items()
            if key.startswith(t.SERVED) and (served := Served.from_tag(value))
        }
        group, since = self.tags.get(t.TARGET_GROUP, ""), moment_of(self.tags.get(t.RELEASED, ""))
        return told or ({group: Served(since=since)} if group and since else {})

    @property
    def suspect(self) -> str:
        """When, where and why a verdict blamed it since it was last promoted; empty if none has."""
        mark = self.tags.get(t.SUSPECT, "")
        if self.state is ImageState.REJECTED and self.released:
            # Rejected when a verdict still condemned released versions.
            mark = mark or "rejected"
        blamed = moment_of(mark.split(" ")[0])
        released = moment_of(self.tags.get(t.RELEASED, ""))
        return "" if blamed and released and blamed < released else mark

    def with_tags(self, **changes: str) -> Self:
        return self.model_copy(update={"tags": {**self.tags, **changes}})

    def without(self, tag: str) -> Self:
        rest = {key: value for key, value in self.tags.items() if key != tag}
        return self.model_copy(update={"tags": rest})


def newest(images: list[Image]) -> Image | None:
    return max(images, key=lambda image: (image.created, image.id), default=None)


class Pruning(Noun):
    """What goes once a target group keeps only its newest versions: `discard` these images, and
    `forget` that those served the group, which others keep."""

    discard: tuple[Image, ...] = ()
    forget: tuple[Image, ...] = ()


def superseded(images: Iterable[Image], group: str, keep: int, in_use: set[str]) -> Pruning:
    """The images beyond the newest `keep` that served a target group (its name).

    Images that a fleet uses, or that somebody wants to keep, are left out. Each target group keeps
    its own versions: an image is discarded when the last group that kept it lets it go.
    """
    served = sorted(
        (image for image in images if group in image.served),
        key=lambda image: (image.served[group].since, image.id),
        reverse=True,
    )
    over = [x for x in served[keep:] if not x.among(in_use) and not x.kept]
    return Pruning(
        discard=tuple(image for image in over if image.served.keys() == {group}),
        forget=tuple(image for image in over if image.served.keys() != {group}),
    )


def discardable(images: Iterable[Image], release: str, in_use: set[str]) -> list[Image]:
    """The images that undoing a release discards: it baked them, and they never served.

    Images that somebody wants to keep stay, and so do images that a fleet uses: without its image
    a fleet could not replace a server.
    """
    return [
        image
        for image in images
        if image.release == release
        and not image.released
        and not image.kept
        and not image.among(in_use)
    ]


def blame(image: Image, when: datetime, group: str, cause: str, *, keep: bool) -> dict[str, str]:
    """The tags of an image that a verdict blames. One that has served stays, as suspect: in a
    tag's value EC2 takes 256 characters. A candidate is rejected, to be discarded unless `keep`."""
    if image.released:
        return {t.SUSPECT: " ".join(f"{text_of(when)} {group}: {cause}".split())[:256]}
    return {t.STATE: str(ImageState.REJECTED)} | ({t.KEEP: "rejected"} if keep else {})
