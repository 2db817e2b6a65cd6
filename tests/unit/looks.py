"""Looks at a fleet, as the gate is shown them."""

from collections.abc import Iterable, Mapping

from spotkiln.gate import Limits, Observation
from spotkiln.target import Health, Instance
from tests.unit.nouns import instance, target

# Live instances with their health, or with health and reason.
Healths = Mapping[str, str | tuple[str, str]]

INTERRUPTED = "Server.SpotInstanceTermination"
OWN_END = "Client.InstanceInitiatedShutdown"
MISMATCH = "Target.ResponseCodeMismatch"
LIMITS = Limits(polls=3, fulfilment=600, grace=60, health=300, losses=2, flaps=2)


def look(
    at: float,
    healths: Healths | None = None,
    *,
    ended: Iterable[Instance] = (),
    state: str = "active",
    errors: tuple[str, ...] = (),
) -> Observation:
    """One look; `ended` are instances that live no more."""
    pairs = {k: (v, "") if isinstance(v, str) else v for k, v in (healths or {}).items()}
    return Observation(
        at=at,
        fleet_state=state,
        instances=(*(instance(name) for name in pairs), *ended),
        targets=tuple(target(name, Health(h), reason) for name, (h, reason) in pairs.items()),
        errors=errors,
    )


def looks(*healths: Healths, every: float = 5) -> list[Observation]:
    """Looks `every` so many seconds, from 0 on."""
    return [look(every * n, one) for n, one in enumerate(healths)]


def ended(name: str, by: str) -> Instance:
    return instance(name, "terminated", by)
