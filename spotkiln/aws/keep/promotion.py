"""Writes down on images which target group they serve."""

from spotkiln.aws.bake import image as images
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.keep.promotion import Mark, marks
from spotkiln.serve.fleet import Fleet


def write_down(aws: Aws, group: str, *known: Fleet) -> list[Mark]:
    """Write down all promotions of a target group (its name) that are not on the images yet.
    `known` are fleets as the caller knows them: a tag that was just written may not be visible yet.

    Two may do this at once, and it can be repeated.
    """
    every = {fleet.id: fleet for fleet in (*launchers(aws).at(group), *known)}
    ours = [image for image in images.by_name(aws, "*") if image.ours]
    todo = marks(ours, every.values(), group)
    for mark in todo:
        images.tag(aws, [mark.image], mark.tags)
        if mark.forget:
            images.untag(aws, mark.image, mark.forget)
    return todo
