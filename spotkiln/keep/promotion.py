"""Promotion: what is written on the images of a target group once another fleet serves it.

It is derived from the fleets. So a promotion that was not written down, because its release was
killed, can be written down by anyone later. All `images` here are ours.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from spotkiln import tags as t
from spotkiln.bake.image import Image
from spotkiln.bake.served import Served, moment_of, text_of
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet, short

# EC2 takes 50 tags a resource, and an image has others.
MOST_GROUPS = 30


class Mark(Noun):
    """Tags to write on an image; `forget` are the keys of those to remove."""

    image: str
    tags: dict[str, str]
    forget: tuple[str, ...] = ()


def recorded(images: Iterable[Image], fleets: Iterable[Fleet], group: str) -> list[Image]:
    """The images as they are once all promotions of a target group (its name) are written down."""
    known = {image.id: image for image in images}
    line = sorted(_promoted(fleets, group), key=lambda one: one.order)
    for at, fleet in enumerate(line):
        own = known.get(fleet.image)
        if own and not _is_recorded(own, fleet, group):
            later = (one.order[0] for one in line[at + 1 :] if one.image != fleet.image)
            changed = _after(known, own, fleet, group, until=next(later, None))
            known |= {one.id: one for one in changed}
    return list(known.values())


def marks(images: Iterable[Image], fleets: Iterable[Fleet], group: str) -> list[Mark]:
    """What is to be written, in this order. The image that serves now comes last: if the writing is
    interrupted, it can be seen that it was not finished."""
    before = {image.id: image.tags for image in images}
    found = []
    after = recorded(images, fleets, group)
    for image in sorted(after, key=lambda one: _open_last(one, group)):
        old = before[image.id]
        new = {key: value for key, value in image.tags.items() if old.get(key) != value}
        gone = tuple(sorted(old.keys() - image.tags.keys()))
        if new or gone:
            found.append(Mark(image=image.id, tags=new, forget=gone))
    return found


def unrecorded(images: Iterable[Image], fleets: Iterable[Fleet], group: str) -> list[Fleet]:
    """The fleets whose promotion is not written on their image yet."""
    known = {image.id: image for image in images}
    return [
        fleet
        for fleet in _promoted(fleets, group)
        if fleet.image in known and not _is_recorded(known[fleet.image], fleet, group)
    ]


def _promoted(fleets: Iterable[Fleet], group: str) -> list[Fleet]:
    return [fleet for fleet in fleets if fleet.has_served and group in fleet.group_names]


def _is_recorded(image: Image, fleet: Fleet, group: str) -> bool:
    if not fleet.live and image.released:
        # Its fleet is gone, and the image was written on since: that it served this group may have
        # been removed again.
        return True
    served = image.served.get(group)
    if served is None or t.RELEASED not in image.tags:
        return False
    return fleet.promoted is None or served.since >= fleet.promoted


def _after(
    known: Mapping[str, Image], own: Image, fleet: Fleet, group: str, until: datetime | None
) -> list[Image]:
    """The images that change with one promotion, which lasted `until` another."""
    now, before = fleet.order[0], own.served.get(group)
    changed = []
    for image in known.values():
        served = image.served.get(group)
        if image.id == own.id or served is None or served.since >= now:
            continue
        left = short(image.commit) in fleet.left and (before is None or served.since > before.since)
        ended = Served(since=served.since, until=served.until or now, left=served.left or left)
        if ended != served:
            changed.append(_told(image, group, ended))
    served = Served(since=now, until=until)
    return [*changed, _told(own, group, served).with_tags(**_released(own, now))]


def _told(image: Image, group: str, served: Served) -> Image:
    """The image with this tag. Its older tags for other target groups stay, as many as fit on an
    image: the group that it served longest ago goes first."""
    others = [(name, one) for name, one in image.served.items() if name != group]
    others.sort(key=lambda x: (x[1].until is None, x[1].since, x[0]), reverse=True)
    every = {group: served, **dict(others[: MOST_GROUPS - 1])}
    told = {f"{t.SERVED}{name}": one.to_tag() for name, one in every.items()}
    rest = {key: value for key, value in image.tags.items() if not key.startswith(t.SERVED)}
    return image.model_copy(update={"tags": {**rest, **told}})


def _released(image: Image, now: datetime) -> dict[str, str]:
    """When it was last promoted, for whichever target group."""
    before = moment_of(image.tags.get(t.RELEASED, ""))
    return {t.RELEASED: text_of(max(before, now) if before else now)}


def _open_last(image: Image, group: str) -> tuple[bool, str]:
    served = image.served.get(group)
    return (served is not None and served.until is None, image.id)
