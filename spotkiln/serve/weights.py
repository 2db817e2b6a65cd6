"""Weights: how many of the requests each target group of a pair gets."""

import re
from collections.abc import Mapping
from typing import Self

from spotkiln import tags as t
from spotkiln.errors import InputError
from spotkiln.noun import Noun

WHOLE = 100


class Weights(Noun):
    """The weights of a rule, by the names of its two target groups."""

    of: dict[str, int]

    def __str__(self) -> str:
        """As a tag has it."""
        return " ".join(f"{name}={weight}" for name, weight in sorted(self.of.items()))

    @classmethod
    def from_tag(cls, text: str) -> "Weights | None":
        """None if it is no such tag."""
        found = re.findall(r"([A-Za-z0-9-]+)=(\d{1,3})", text)
        return cls(of={name: int(weight) for name, weight in found}) if len(found) > 1 else None

    @property
    def active(self) -> str:
        """The name of the group that gets all requests.

        Raises:
            InputError: both get some, or none does.
        """
        used = [name for name, weight in self.of.items() if weight]
        if len(used) != 1:
            raise InputError(
                f"expected all requests to go to one target group of the pair, found {self}: set "
                "the weight of the one without current servers to 0, then start this again"
            )
        return used[0]

    def to(self, name: str) -> "Weights":
        """Everything to this group."""
        return self.shifted(name, WHOLE)

    def shifted(self, name: str, percent: int) -> "Weights":
        """So much to this group, the rest to the other."""
        return Weights(of={x: percent if x == name else WHOLE - percent for x in self.of})


class HandOver(Noun):
    """That a release has begun to change the weights, and what they were before: a tag on the first
    target group of the pair (`target_group` is its ARN), there until the release is promoted or has
    given the requests back. Whatever happens to its servers, the tag stays. No release writes
    another's."""

    release: str
    before: Weights
    target_group: str

    @property
    def group_name(self) -> str:
        return self.target_group.split("/")[1]

    @property
    def key(self) -> str:
        return f"{t.WEIGHTS}{self.release}"

    @classmethod
    def from_tags(cls, target_group: str, tags: Mapping[str, str]) -> list[Self]:
        """Without what cannot be read: somebody may have edited it."""
        found = ((key, Weights.from_tag(value)) for key, value in tags.items())
        return [
            cls(release=key.removeprefix(t.WEIGHTS), before=before, target_group=target_group)
            for key, before in found
            if key.startswith(t.WEIGHTS) and before and sum(map(bool, before.of.values())) == 1
        ]
