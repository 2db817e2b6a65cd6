"""Decides in which pools a spot fleet launches its instances. Launches nothing itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.state import prices
from sandbox.state.refusals import Refusal


@dataclass(frozen=True)
class Pool:
    """One instance type in one subnet, and how an instance is launched there. `launch` is in
    RunInstances' shape, without image, type and subnet. `fault` is why EC2 launches none there
    whatever room there is: the image is of another architecture, or is not there."""

    instance_type: str
    zone: str
    subnet_id: str
    image_id: str
    weight: float = 1.0
    priority: float = 0.0
    launch: Mapping[str, Any] = field(default_factory=dict, hash=False)
    template: tuple[str, str] | None = None  # launch template's id and version number
    fault: Refusal | None = None
    asked: str = ""  # the requirements that the type was chosen by; empty: it was named

    @property
    def key(self) -> str:
        return f"{self.instance_type}/{self.zone}"

    @property
    def price_per_unit(self) -> float:
        return prices.spot(self.instance_type, self.zone) / self.weight

    def __str__(self) -> str:
        return f"{self.instance_type}, {self.image_id}, Linux/UNIX, {self.zone}"


def twice(pools: Sequence[Pool]) -> Pool | None:
    """One that comes twice, as EC2 sees it: a subnet is no pool of its own. A type that fits two
    requirements comes once for each."""
    seen = Counter((pool.key, pool.asked) for pool in pools)
    return next((pool for pool in pools if seen[pool.key, pool.asked] > 1), None)


@dataclass(frozen=True)
class Launches:
    pools: tuple[Pool, ...]  # one entry an instance
    exhausted: tuple[Pool, ...]  # wanted, but without capacity
    missing: float  # units that could not be placed


def allocate(
    pools: Sequence[Pool],
    missing: float,
    *,
    strategy: str,
    held: Mapping[str, int],
    free: Mapping[str, int | None],
    pools_to_use: int = 1,
) -> Launches:
    """Place `missing` units. held: number of instances by pool key. free: how many more each pool
    takes, None for any number."""
    held, free = dict(held), dict(free)
    chosen: list[Pool] = []
    while missing > 1e-9:
        open_pools = [pool for pool in pools if free[pool.key] != 0]
        if not open_pools:
            break
        pool = _choose(open_pools, strategy, held, free, pools_to_use)
        chosen.append(pool)
        missing -= pool.weight
        held[pool.key] = held.get(pool.key, 0) + 1
        left = free[pool.key]
        free[pool.key] = None if left is None else left - 1
    exhausted = tuple(pool for pool in pools if free[pool.key] == 0) if missing > 1e-9 else ()
    return Launches(tuple(chosen), exhausted, max(missing, 0.0))


def _choose(
    pools: Sequence[Pool],
    strategy: str,
    held: Mapping[str, int],
    free: Mapping[str, int | None],
    pools_to_use: int,
) -> Pool:
    def count(pool: Pool) -> int:
        return held.get(pool.key, 0)

    def depth(pool: Pool) -> float:
        left = free[pool.key]
        return float("inf") if left is None else left

    if strategy == "diversified":
        return min(pools, key=lambda p: (count(p), p.price_per_unit))
    if strategy == "capacityOptimized":
        return min(pools, key=lambda p: (-depth(p), count(p), p.key))
    if strategy == "capacityOptimizedPrioritized":
        return min(pools, key=lambda p: (p.priority, -depth(p), count(p), p.key))
    if strategy == "prioritized":
        return min(pools, key=lambda p: (p.priority, count(p), p.key))
    by_price = sorted(pools, key=lambda p: (p.price_per_unit, p.key))
    if strategy == "priceCapacityOptimized":
        limit = by_price[0].price_per_unit * 1.5
        cheap = [pool for pool in by_price if pool.price_per_unit <= limit]
        return min(cheap, key=lambda p: (count(p), p.price_per_unit))
    return min(by_price[: max(pools_to_use, 1)], key=count)  # lowestPrice
