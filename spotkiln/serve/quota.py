"""Quota: whether the account's limits let old and new servers run side by side.

It is checked before money is spent. Quotas are in vCPUs of the standard families. EC2 counts other
families apart; they are not checked here.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.serve.spec import FleetSpec

# A, C, D, H, I, M, R, T, Z: what EC2 calls standard.
STANDARD = re.compile(r"^[acdhimrtz]\d")


class Market(StrEnum):
    SPOT = "Spot"
    ON_DEMAND = "On-Demand"


# Service Quotas' codes: All Standard Spot Instance Requests, Running On-Demand Standard instances.
CODES = {Market.SPOT: "L-34B43A08", Market.ON_DEMAND: "L-1216C47A"}


class Room(Noun):
    """vCPUs of one market: what the account may have, and what runs now."""

    limit: int
    used: int

    @property
    def free(self) -> int:
        return max(self.limit - self.used, 0)


class Shortfall(Noun):
    """Too little room in one market: `least` vCPUs are needed if EC2 chooses the smallest types,
    `most` if it chooses the biggest."""

    market: Market
    room: Room
    least: int
    most: int

    @property
    def certain(self) -> bool:
        return self.room.free < self.least

    def __str__(self) -> str:
        needed = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        return (
            f"{self.market} quota {CODES[self.market]}: {needed} vCPUs are needed while the old "
            f"servers run too, {self.room.free} are free ({self.room.used} of {self.room.limit} "
            "are in use); raise it in Service Quotas, or ask for smaller types"
        )


def is_standard(instance_type: str) -> bool:
    return bool(STANDARD.match(instance_type))


def parts(spec: FleetSpec) -> dict[Market, int]:
    """How many instances of each market are asked for; markets of which none is are left out."""
    wanted = {Market.SPOT: spec.capacity - spec.on_demand_all, Market.ON_DEMAND: spec.on_demand_all}
    return {market: count for market, count in wanted.items() if count}


def shortfalls(
    spec: FleetSpec, vcpus: Mapping[str, int], rooms: Mapping[Market, Room]
) -> list[Shortfall]:
    """The markets in which there may be no room for another fleet. `vcpus` are those of one
    instance, by type. A market whose room is not known is left out."""
    sizes = [vcpus[kind] if is_standard(kind) else 0 for kind in spec.instance_types]
    found = [
        Shortfall(
            market=market, room=rooms[market], least=count * min(sizes), most=count * max(sizes)
        )
        for market, count in parts(spec).items()
        if market in rooms
    ]
    return [one for one in found if one.room.free < one.most]


def forbids(spec: FleetSpec, found: Shortfall) -> bool:
    """Whether the launch can only fail, as no other type and no other market is allowed."""
    if not found.certain or spec.more_instance_types:
        return False
    return found.market is Market.ON_DEMAND or not spec.on_demand_fallback


def require_room(
    spec: FleetSpec, found: Sequence[Shortfall], unknown: str, *, refuse: bool
) -> list[str]:
    """What to warn of, of these shortfalls; `unknown` says why they could not be looked up.

    Raises:
        InputError: with `refuse`: there is no room for what is asked for, whatever EC2 chooses.
    """
    if refuse and (none := next((one for one in found if forbids(spec, one)), None)):
        raise InputError(str(none))
    return [*filter(None, [unknown]), *map(str, found)]
