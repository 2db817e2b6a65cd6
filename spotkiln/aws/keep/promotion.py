"""Writes down on images which target group they serve."""

from spotkiln.aws.bake import image as images
from spotkiln.aws.serve import fleet as fleets
from spotkiln.aws.session import Aws
from spotkiln.keep.promotion import Mark, marks
from spotkiln.serve.fleet import Fleet


def write_down(aws: Aws, group: str, *known: Fleet) -> list[Mark]:
    """All promotions of a target group (its name) that are not on the images yet. `known` are
    fleets as the caller knows them: a tag just written need not be seen by all yet.

    Can be repeated, and done by two at once.
    """
    every = {fleet.id: fleet for fleet in (*fleets.listing(aws), *known)}
    ours = [image for image in images.by_name(aws, "*") if image.ours]
    todo = marks(ours, every.values(), group)
    for mark in todo:
        images.tag(aws, [mark.image], mark.tags)
        if mark.forget:
            images.untag(aws, mark.image, mark.forget)
    return todo
