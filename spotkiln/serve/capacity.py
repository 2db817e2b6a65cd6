"""Capacity: how many servers to ask for, as somebody may have scaled what they replace."""

from collections.abc import Sequence

from spotkiln import tags as t
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.spec import FleetSpec


class Size(Noun):
    """`spec` is what to ask for. `why` is the reason for its capacity; empty if that is the
    deployment's own."""

    spec: FleetSpec
    why: str = ""

    @property
    def in_words(self) -> str:
        """`6 of t3.micro: as many as serve now; 2 are asked for`."""
        return f"{self.spec.in_words}: {self.why}" if self.why else self.spec.in_words


def scaled_to(fleet: Fleet) -> int:
    """The capacity to which somebody has scaled a fleet; 0 if nobody has.

    A fleet without our note of what was asked for counts as scaled: too many servers cost money,
    too few cost requests.
    """
    asked = fleet.tags.get(t.CAPACITY, "")
    return 0 if asked == str(fleet.capacity) else fleet.capacity


def size(spec: FleetSpec, replaced: Sequence[Fleet]) -> Size:
    """What to ask for in place of all of these fleets.

    The capacity is what they were scaled to, but no less than the deployment asks for and no more
    than it allows. What scaling added is Spot, as with AWS's own scaling. The On-Demand part is
    the deployment's: one that was only a fallback is not kept.
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
