"""The step that looks up what the servers cost."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from spotkiln.aws.serve.price import known_prices
from spotkiln.aws.session import connect
from spotkiln.serve.price import Cost, cost_of
from spotkiln.target import Server
from spotkiln.tasks.step import say


@task(name="look up prices", task_run_name="5 retire: look up prices", cache_policy=NO_CACHE)
def price(region: str, servers: tuple[Server, ...]) -> Cost:
    """What these servers cost per hour, as far as it is known. It never fails."""
    types, zones = (one.type for one in servers), (one.zone for one in servers)
    cost = cost_of(servers, known_prices(connect(region), types, zones, say))
    say(f"cost: {cost}")
    return cost
