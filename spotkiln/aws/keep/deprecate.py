"""Gives images a date from which on they are deprecated, and takes it from what serves again."""

from collections.abc import Callable, Iterable

from spotkiln.aws.bake import image as images
from spotkiln.aws.keep.prune import used_images
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.keep.deprecation import Dated, dates
from spotkiln.moment import utc


def give_dates(
    aws: Aws, versions: Iterable[Image], days: int, say: Callable[[str], None]
) -> list[Dated]:
    """`versions` are an application's images. Two may do this at once, and it can be repeated."""
    todo = dates(versions, days, used_images(aws), aws.now())
    for one in todo:
        if one.when:
            images.deprecate(aws, one.image, one.when)
            say(f"{one.image} does not serve any more: it is deprecated from {utc(one.when)} on")
        else:
            images.undeprecate(aws, one.image)
            say(f"{one.image} serves, or is kept: it is not deprecated any more")
    return todo
