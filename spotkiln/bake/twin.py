"""Twins: the two images of one release, for two architectures."""

from collections.abc import Iterable

from spotkiln.bake.image import Image
from spotkiln.bake.image_name import twin_names


def with_twins(images: Iterable[Image]) -> list[Image]:
    """The same with each twin at its image. One whose image is not among them stays on its own."""
    every = list(images)
    known = {one.name: one for one in every}
    twins = {name: known[twin] for name in known for twin in twin_names(name) if twin in known}
    paired = {one.id for one in twins.values()}
    return [
        one.model_copy(update={"twin": twins.get(one.name)})
        for one in every
        if one.id not in paired
    ]


def pair(first: Image, second: Image) -> Image:
    """The two images of one release as one."""
    return first.model_copy(update={"twin": second})


def apart(images: Iterable[Image]) -> list[Image]:
    """The same with each twin on its own."""
    return [part.alone for one in images for part in one.every]
