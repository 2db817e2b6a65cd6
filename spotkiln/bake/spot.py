"""Spot: whether a bake or a test goes on with another machine, and what its machine was."""

from collections.abc import Iterable
from typing import NamedTuple

from spotkiln.bake.builder import Place
from spotkiln.bake.machine_end import MachineEnd, helped_by_on_demand
from spotkiln.bake.packer_output import PackerRun
from spotkiln.noun import Noun
from spotkiln.target import Instance

HOUR = 3600


class Again(NamedTuple):
    """Why a run is repeated in another place; `on_demand`: not by Spot again."""

    why: str
    on_demand: bool = False

    def among(self, left: Iterable[Place]) -> list[Place]:
        """Those of the places that are left where it may be repeated."""
        return [one for one in left if not (self.on_demand and one.spot)]


def again(run: PackerRun, place: Place, machine: Instance | None) -> Again | None:
    """Whether what failed is tried in the next place; None if the run is the answer. `machine` is
    what EC2 tells of a Spot one afterwards.

    One that EC2 took back ends whatever runs on it, and Packer tells of that in many ways: EC2's
    own reason counts, not Packer's. Where there never was one nothing has run. One that ended for
    a reason that another kind of machine may not meet is repeated On-Demand, no other.
    """
    if run.exit_code == 0:
        return None
    if run.no_room:
        return Again(f"EC2 has no room for {place}: {run.no_room}")
    if place.spot and not run.machine:
        return Again(f"EC2 launched no machine for {place}: {run.why}")
    if machine and machine.interrupted:
        took = f"EC2 took {machine.id} back, {place}"
        return Again(f"{took}: what it did begins again", on_demand=True)
    ended = MachineEnd.of(machine)
    if place.spot and machine and ended and helped_by_on_demand(machine):
        return Again(f"{place}: {ended.why}", on_demand=True)
    return None


class Used(Noun):
    """A machine that Packer has launched. `seconds`: from its launch to Packer's end. Prices are
    USD per hour, None where they are not known."""

    type: str
    zone: str
    spot: bool
    seconds: float
    price: float | None = None
    on_demand: float | None = None

    def __str__(self) -> str:
        kind = "Spot" if self.spot else "On-Demand"
        words = f"{kind} {self.type} in {self.zone}, {self.seconds:.0f} s"
        if self.price is None:
            return words
        cost = f"{words} for {self.price * self.seconds / HOUR:.4f} USD"
        if not self.spot or self.on_demand is None:
            return cost
        return f"{cost}, On-Demand {self.on_demand * self.seconds / HOUR:.4f} USD"
