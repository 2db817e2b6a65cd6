"""What EC2 tells of a machine that Packer has launched."""

from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve.price import known_prices
from spotkiln.aws.session import Aws, connect
from spotkiln.bake.packer_output import PackerRun
from spotkiln.bake.spot import Used
from spotkiln.target import Instance
from spotkiln.tasks.step import not_urgent, say


def look_at_machine(region: str, run: PackerRun) -> Instance | None:
    """None if there is none, or EC2 does not tell."""
    if not run.machine:
        return None
    with not_urgent("look at the builder", "why EC2 ended it, if it did, is not known"):
        found = instances.by_id(connect(region), [run.machine])
        return found[0] if found else None
    return None


def what_it_cost(region: str, machine: Instance) -> str:
    """Which machine it was, too. For people to read: prices that cannot be had are left out."""
    with not_urgent("look up what the builder cost", "nothing depends on it"):
        return str(_used(connect(region), machine))
    return ""


def _used(aws: Aws, machine: Instance) -> Used:
    prices = known_prices(aws, [machine.type], [machine.zone], say)
    on_demand = prices.on_demand.get(machine.type)
    spot = prices.spot.get(machine.type, {}).get(machine.zone)
    return Used(
        type=machine.type,
        zone=machine.zone,
        spot=machine.spot,
        seconds=max((aws.now() - machine.launched).total_seconds(), 0.0),
        price=spot if machine.spot else on_demand,
        on_demand=on_demand,
    )
