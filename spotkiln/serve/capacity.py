"""Capacity: how many servers a fleet is asked for, when what it replaces may have been scaled."""

from collections.abc import Sequence

from spotkiln import tags as t
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.spec import FleetSpec


class Size(Noun):
    """`spec` is what EC2 is asked for; `why` says what led to its capacity, empty if it is simply
    what the deployment asks for."""

    spec: FleetSpec
    why: str = ""

    @property
    def in_words(self) -> str:
        """`6 of t3.micro: as many as serve now; 2 are asked for`."""
        return f"{self.spec.in_words}: {self.why}" if self.why else self.spec.in_words


def scaled_to(fleet: Fleet) -> int:
    """The target capacity of a fleet that somebody has scaled since it was asked for; 0 for one
    that has what its deployment asked for. Without our note of that it counts as scaled: too many
    servers cost money, too few cost requests."""
    asked = fleet.tags.get(t.CAPACITY, "")
    return 0 if asked == str(fleet.capacity) else fleet.capacity


def size(spec: FleetSpec, replaced: Sequence[Fleet]) -> Size:
    """What to ask for in place of all of these fleets.

    At least what they were scaled to, or what the deployment asks for, within its bounds. What
    scaling added is Spot, as with AWS's own scaling: the On-Demand part is the deployment's number,
    and one that was only a fallback does not stay.
    """
    serve = sum(scaled_to(fleet) or spec.capacity for fleet in replaced)
    capacity = min(max(spec.capacity, serve), spec.most)
    if serve <= spec.capacity:
        return Size(spec=spec)
    if serve > spec.most:
        why = f"{serve} serve now, at most {spec.most} are allowed"
    else:
        why = f"as many as serve now; {spec.capacity} are asked for"
    return Size(spec=spec.model_copy(update={"capacity": capacity}), why=why)
