"""Takedown: an application leaves a target group for good.

That it was begun is a tag on the target group, written before anything is taken away and removed
when nothing is left. So whatever is killed in between, reconcile goes on with it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Self

from spotkiln import tags as t
from spotkiln.bake.image import Image, Pruning
from spotkiln.bake.served import moment_of, text_of
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet


class Old(StrEnum):
    """What becomes of the versions that served."""

    KEEP = "keep"
    DISCARD = "discard"


class Takedown(Noun):
    """What was begun. `release` is the id with which it holds the target group, `run` its run in
    Prefect. What came after `began` (AWS's time) is none of its business: the application may be
    back by then."""

    app: str
    release: str
    run: str
    began: datetime
    versions: Old

    def to_tag(self) -> str:
        return " ".join([self.app, self.release, self.run, text_of(self.began), self.versions])

    @classmethod
    def from_tag(cls, value: str) -> Self | None:
        """None for what cannot be read: somebody may have edited it."""
        words = value.split()
        if len(words) != 5 or words[4] not in set(Old) or (began := moment_of(words[3])) is None:
            return None
        return cls(
            app=words[0], release=words[1], run=words[2], began=began, versions=Old(words[4])
        )


class Begun(Noun):
    """A takedown, and the target group on which it stands."""

    takedown: Takedown
    target_group: str

    @property
    def group_name(self) -> str:
        return self.target_group.split("/")[1]


def leaving(fleets: Iterable[Fleet], target_group: str, takedown: Takedown) -> list[Fleet]:
    """The application's fleets that go: all that served the target group (ARN) when it began.

    Raises:
        InputError: one of them serves another target group as well.
    """
    found = [
        fleet
        for fleet in fleets
        if target_group in fleet.target_groups
        and fleet.tags.get(t.APP) == takedown.app
        and fleet.phase is not None
        and not fleet.gone
        and fleet.order[0] <= takedown.began
    ]
    for fleet in found:
        if len(fleet.target_groups) > 1:
            names = ", ".join(sorted(fleet.group_names))
            raise InputError(
                f"{fleet.id} serves several target groups: {names}. Take it from all others first, "
                "for its servers end with it"
            )
    return found


def let_go(
    images: Iterable[Image], group: str, in_use: Collection[str], began: datetime
) -> Pruning:
    """The application's versions that a target group (its name) lets go of.

    What another target group has served with as well, what a fleet uses and what somebody wants to
    keep only forgets that it served this one.
    """
    served = [one for one in images if group in one.served and one.served[group].since <= began]
    gone = [
        one
        for one in served
        if one.served.keys() == {group} and not one.among(in_use) and not one.kept
    ]
    return Pruning(discard=tuple(gone), forget=tuple(one for one in served if one not in gone))


def still_open(images: Iterable[Image], group: str, began: datetime) -> dict[str, str]:
    """For versions that are kept: the tag that says until when each has served, by image. For those
    that say so already there is none."""
    return {
        one.id: served.model_copy(update={"until": began}).to_tag()
        for one in images
        if (served := one.served.get(group)) and served.until is None and served.since <= began
    }
