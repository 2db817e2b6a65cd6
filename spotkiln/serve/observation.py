"""Observation: what the gate sees of a new fleet at one moment."""

from spotkiln.noun import Noun
from spotkiln.serve.fleet import State
from spotkiln.serve.problem import Problem
from spotkiln.target import Health, Instance, Server, Target, server_of


class Observation(Noun):
    """One look at the new fleet, `at` seconds after the gate was entered.

    `status` is AWS's own word for the fleet's `state`. `instances` are all that the fleet launched
    and EC2 still tells of. `targets` are the live ones, with their health. `control` are the
    other targets of the group at the same moment: what serves, to compare with. Their zones are
    known only if zones matter. `problems` are what has hindered the fleet since its last launch.
    """

    at: float
    state: State
    status: str = ""
    instances: tuple[Instance, ...] = ()
    targets: tuple[Target, ...] = ()
    control: tuple[Server, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def healthy(self) -> frozenset[str]:
        return frozenset(x.instance for x in self.targets if x.health is Health.HEALTHY)

    @property
    def servers(self) -> tuple[Server, ...]:
        """The targets, with what EC2 tells of them."""
        known = {one.id: one for one in self.instances}
        return tuple(server_of(one, known.get(one.instance)) for one in self.targets)
