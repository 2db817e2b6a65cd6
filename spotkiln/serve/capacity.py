"""Capacity: how many servers to ask for, as somebody may have scaled what they replace."""

from collections.abc import Sequence
from datetime import datetime

from spotkiln import tags as t
from spotkiln.noun import Noun
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.scaling import Scaling
from spotkiln.serve.spec import FleetSpec


class Size(Noun):
    """`spec` is what to ask for. `least`: so many there are at least, whatever scales them; 0: as
    the deployment asks. `why` is the reason for its capacity; empty if that is the deployment's
    own."""

    spec: FleetSpec
    least: int = 0
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


def size(spec: FleetSpec, replaced: Sequence[Fleet], now: datetime) -> Size:
    """What to ask for in place of all of these fleets.

    The capacity is what they were scaled to, but no less than the deployment asks for and no more
    than it allows at this moment. What AWS scales counts as it is. What scaling added is Spot, as
    with AWS's own scaling. The On-Demand part is the deployment's: one that was only a fallback is
    not kept.
    """
    bounds = spec.bounds_at(now)
    usual = 0 if spec.scaling.used else bounds.least
    serve = sum(scaled_to(fleet) or usual or fleet.capacity for fleet in replaced)
    capacity = min(max(bounds.least, serve), bounds.most)
    if serve > bounds.most:
        why = f"{serve} serve now, at most {bounds.most} are allowed"
    elif serve > bounds.least:
        why = f"as many as serve now; {bounds.least} are asked for"
    elif bounds.least != spec.capacity:
        why = "by a scheduled action"
    else:
        why = ""
    # What scales it is the deployment's own, and counts from there.
    now_asked = {"capacity": capacity, "most": bounds.most, "scaling": Scaling()}
    asked = spec.model_copy(update=now_asked)
    return Size(spec=asked, least=bounds.least, why=why)


def to_grow(new: Fleet, spec: FleetSpec, serve: Sequence[Fleet], now: datetime) -> int:
    """How many servers a new fleet needs because what serves has been scaled out since it was asked
    for; 0 if it has enough."""
    wanted = size(spec, serve, now).spec.capacity if serve else 0
    return wanted if wanted > new.capacity else 0
