"""Which of two versions is the older, by the rules of where they come from."""

from functools import cache
from typing import Any

from spotkiln.bake.contents import Kind


@cache
def _classes() -> dict[Kind, Any]:
    # It takes a while to load, and few processes need it.
    from univers import versions

    return {
        Kind.DEB: versions.DebianVersion,
        Kind.GEM: versions.RubygemsVersion,
        Kind.NPM: versions.SemverVersion,
        Kind.PYPI: versions.PypiVersion,
    }


def version(kind: Kind, text: str) -> Any:
    """Something that can be compared with another one of that kind; None for what is no version."""
    try:
        return _classes()[kind](text)
    except (ValueError, TypeError, AttributeError, IndexError):
        return None


def older(kind: Kind, one: str, other: str) -> bool:
    """Whether `one` is the older. False for what cannot be compared: nothing is made up."""
    first, second = version(kind, one), version(kind, other)
    return first is not None and second is not None and bool(first < second)


def next_above(kind: Kind, than: str, among: list[str]) -> str:
    """The oldest of these that is newer; empty if none is."""
    found = ""
    for one in among:
        if older(kind, than, one) and (not found or older(kind, one, found)):
            found = one
    return found
