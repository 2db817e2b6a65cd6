"""Look up prices. They are for people to read, so an error here stops nothing."""

import logging
from collections.abc import Iterable

from prefect import task
from prefect.cache_policies import NO_CACHE

from spotkiln.aws.serve.price import on_demand_prices, spot_prices
from spotkiln.aws.session import connect
from spotkiln.serve.price import Cost, Prices, cost_of
from spotkiln.target import Server
from spotkiln.tasks.step import say


def prices(region: str, types: Iterable[str], zones: Iterable[str]) -> Prices:
    """The prices that can be had. For the others there is a line in the log."""
    kinds = sorted(set(types))
    spot: dict[str, dict[str, float]] = {}
    on_demand: dict[str, float] = {}
    try:
        spot = spot_prices(connect(region), kinds, zones)
    except Exception as error:  # noqa: BLE001 - a missing price is no failure
        say(f"Spot prices are unknown: {error}", logging.WARNING)
    try:
        on_demand = on_demand_prices(connect(region), kinds)
    except Exception as error:  # noqa: BLE001
        say(f"On-Demand prices are unknown: {error}", logging.WARNING)
    return Prices(spot=spot, on_demand=on_demand)


@task(name="look up prices", task_run_name="5 retire: look up prices", cache_policy=NO_CACHE)
def price(region: str, servers: tuple[Server, ...]) -> Cost:
    """What these servers cost per hour, as far as it is known. It never fails."""
    found = prices(region, (one.type for one in servers), (one.zone for one in servers))
    cost = cost_of(servers, found)
    say(f"cost: {cost}")
    return cost
