"""Deprecation: from which date on EC2 calls an image of ours out of date.

It is derived from what the image's tags say that it has served. So a date that was not written,
because its release was killed, is written by the next one.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from spotkiln.bake.image import Image
from spotkiln.noun import Noun

# EC2 takes only what is later than its own time, and leaves out the seconds.
SOON = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)


class Dated(Noun):
    """The date that an image gets; None: it has one, and loses it."""

    image: str
    when: datetime | None = None


def dates(
    images: Iterable[Image], days: int, in_use: Collection[str], now: datetime
) -> list[Dated]:
    """What is to be written on an application's images: `days` after each last served. `in_use` are
    the images of fleets that are there."""
    after = timedelta(days=days)
    found = []
    for image in sorted(images, key=lambda one: one.id):
        if not image.available or not image.released:
            continue
        wanted = _wanted(image, after, in_use)
        for one in image.every:
            if wanted is None:
                if one.deprecated:
                    found.append(Dated(image=one.id))
            elif not _is_so(one.deprecated, wanted, now):
                found.append(Dated(image=one.id, when=max(wanted, _minute(now + SOON))))
    return found


def _wanted(image: Image, after: timedelta, in_use: Collection[str]) -> datetime | None:
    """None for what is current: it serves, may do so again at any moment, or is kept."""
    if image.kept or image.among(in_use):
        return None
    ends = [one.until for one in image.served.values()]
    if not ends or None in ends:
        return None
    return _minute(max(one for one in ends if one) + after)


def _is_so(there: datetime | None, wanted: datetime, now: datetime) -> bool:
    """Whether nothing is to be written: a date that has passed cannot be written any more."""
    if there is None:
        return False
    return abs(there - wanted) < MINUTE or (wanted <= now and there <= now + SOON)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
