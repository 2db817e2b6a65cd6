"""Sharing: which other accounts may use an image, and copy it.

A tag says for each target group with whom its versions are shared. It is written before AWS is
told, and again afterwards: so a kill in between leaves nothing shared that nobody knows of.
"""

from collections.abc import Iterable, Sequence

from spotkiln import tags as t
from spotkiln.bake.image import Image, ImageState
from spotkiln.noun import Noun

# In the tag's value: AWS may not have been told yet.
UNDER_WAY = "?"


class Share(Noun):
    """What changes for an image: `add` these accounts, `remove` those. `begun` is the tag's value
    while that is done, `done` afterwards; empty for no tag."""

    image: Image
    tag: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    begun: str
    done: str


def shares(images: Iterable[Image], group: str, accounts: Sequence[str]) -> list[Share]:
    """What is to be done so that the versions of a target group (its name), and no others, are
    shared for its sake with these accounts. What another target group shares stays shared."""
    found = []
    for image in sorted(images, key=lambda one: one.id):
        told = _told(image)
        before, under_way = told.pop(group, (frozenset(), False))
        elsewhere = frozenset[str]().union(*(names for names, _ in told.values()))
        wanted = frozenset(accounts) if _is_version(image, group) else frozenset()
        if wanted == before and not under_way:
            continue
        found.append(
            Share(
                image=image,
                tag=f"{t.SHARED}{group}",
                add=tuple(sorted(wanted if under_way else wanted - before)),
                remove=tuple(sorted(before - wanted - elsewhere)),
                begun=" ".join([*sorted(before | wanted), UNDER_WAY]),
                done=" ".join(sorted(wanted)),
            )
        )
    return found


def _is_version(image: Image, group: str) -> bool:
    return image.available and image.state is ImageState.TESTED and group in image.served


def _told(image: Image) -> dict[str, tuple[frozenset[str], bool]]:
    """By target group: the accounts, and whether AWS may not know of them yet."""
    found = {}
    for key, value in image.tags.items():
        if key.startswith(t.SHARED):
            words = value.split()
            names = frozenset(one for one in words if one != UNDER_WAY)
            found[key.removeprefix(t.SHARED)] = (names, UNDER_WAY in words)
    return found
