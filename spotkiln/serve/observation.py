"""Observation: what the gate sees of a new fleet at one moment."""

from spotkiln.noun import Noun
from spotkiln.serve.fleet import State
from spotkiln.serve.problem import Problem
from spotkiln.serve.unready import Unready
from spotkiln.target import Health, Instance, Server, Target, server_of

# How long nothing that decides may have changed: a machine boots for longer than that, and a target
# becomes unhealthy, or healthy again, only after several health checks.
SELDOM_SECONDS = 10.0
# How long nobody need look who waits for something else anyway.
PATIENT_SECONDS = 15.0
# New targets become healthy at any moment, and each waits for that.
OFTEN_SECONDS = 5.0
# All are healthy, and not for long enough yet.
MOST_PERCENT = 95.0


class Observation(Noun):
    """One look at the new fleet, `at` seconds after the gate was entered.

    `status` is AWS's own word for the fleet's `state`. `instances` are all that the fleet launched
    and EC2 still tells of. `targets` are the live ones, with their health. `control` are the
    other targets of the group at the same moment: what serves, to compare with. Their zones are
    known only if zones matter. `problems` are what has hindered the fleet since its last launch.
    `unready` are machines that will not serve, as far as anybody has looked. `scaled_in`: by so
    many servers somebody has made the fleet smaller since the gate was entered.
    """

    at: float
    state: State
    status: str = ""
    instances: tuple[Instance, ...] = ()
    targets: tuple[Target, ...] = ()
    control: tuple[Server, ...] = ()
    problems: tuple[Problem, ...] = ()
    unready: tuple[Unready, ...] = ()
    scaled_in: int = 0

    @property
    def healthy(self) -> frozenset[str]:
        return frozenset(x.instance for x in self.targets if x.health is Health.HEALTHY)

    def percent(self, capacity: int) -> float:
        """How far such a fleet is on its way: launched, and healthy. Only a verdict ends it."""
        live = sum(one.live for one in self.instances)
        return min(MOST_PERCENT, 100 * (live + 2 * len(self.healthy)) / (3 * capacity))

    @property
    def servers(self) -> tuple[Server, ...]:
        """The targets, with what EC2 tells of them."""
        known = {one.id: one for one in self.instances}
        return tuple(server_of(one, known.get(one.instance)) for one in self.targets)


def pause_after(look: Observation, capacity: int) -> float:
    """For how many seconds the gate need not look again. Often while all run and one is still to
    become healthy; else seldom."""
    running = sum(one.state == "running" for one in look.instances)
    soon = running >= capacity > len(look.healthy)
    return OFTEN_SECONDS if soon else SELDOM_SECONDS
