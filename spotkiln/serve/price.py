"""Price: what servers cost per hour, and what the same would cost On-Demand. In US dollars.

None means that a price is not known; it never means that something is free. A sum is unknown if one
of its prices is.
"""

from collections.abc import Iterable, Mapping

from spotkiln.noun import Noun
from spotkiln.serve.spec import FleetSpec
from spotkiln.target import Server


class Prices(Noun):
    """USD per hour of one instance: Spot by type and zone, On-Demand by type."""

    spot: dict[str, dict[str, float]] = {}  # noqa: RUF012 - pydantic copies defaults
    on_demand: dict[str, float] = {}  # noqa: RUF012

    def of(self, server: Server) -> float | None:
        if server.spot:
            return self.spot.get(server.type, {}).get(server.zone)
        return self.on_demand.get(server.type)


class Cost(Noun):
    """USD per hour: of the servers as they are, and of the same servers all On-Demand."""

    per_hour: float | None = None
    on_demand: float | None = None

    def __str__(self) -> str:
        text = f"{_usd(self.per_hour)} per hour, On-Demand {_usd(self.on_demand)}"
        if self.per_hour is None or not self.on_demand:
            return text
        return f"{text}: {100 * (1 - self.per_hour / self.on_demand):.0f} % saved"


class Range(Noun):
    """USD per hour, from and to: before a launch nobody knows which types and zones EC2 chooses."""

    least: float | None = None
    most: float | None = None

    def times(self, factor: float) -> "Range":
        if self.least is None or self.most is None:
            return self
        return Range(least=self.least * factor, most=self.most * factor)

    def __str__(self) -> str:
        if self.least is None or self.least == self.most:
            return _usd(self.least)
        return f"{self.least:.4f} to {_usd(self.most)}"


class Estimate(Noun):
    """What a fleet will cost per hour: as asked for, and all On-Demand."""

    asked: Range = Range()
    on_demand: Range = Range()


def _usd(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f} USD"


def _sum(values: Iterable[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def cost_of(servers: Iterable[Server], prices: Prices) -> Cost:
    """The cost of these servers; unknown if there are none."""
    all_of_them = list(servers)
    if not all_of_them:
        return Cost()
    return Cost(
        per_hour=_sum(prices.of(one) for one in all_of_them),
        on_demand=_sum(prices.on_demand.get(one.type) for one in all_of_them),
    )


def _range(values: Mapping[str, float] | Iterable[float]) -> Range:
    known = sorted(values.values() if isinstance(values, Mapping) else values)
    return Range(least=known[0], most=known[-1]) if known else Range()


def estimate(spec: FleetSpec, prices: Prices) -> Estimate:
    """The cost before there are servers: between EC2's cheapest and its dearest choice."""
    spot = _range(price for zones in prices.spot.values() for price in zones.values())
    demand = _range(prices.on_demand)
    parts = [(spot, spec.capacity - spec.on_demand_all), (demand, spec.on_demand_all)]
    needed = [kind.times(count) for kind, count in parts if count]
    return Estimate(
        asked=Range(least=_sum(one.least for one in needed), most=_sum(one.most for one in needed)),
        on_demand=demand.times(spec.capacity),
    )
