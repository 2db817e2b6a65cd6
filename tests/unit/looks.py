"""Looks at a fleet, as the gate is shown them."""

from collections.abc import Iterable, Mapping

from spotkiln.aws.serve.spot_fleet.answer import STATES
from spotkiln.aws.serve.spot_fleet.history import problem_of
from spotkiln.serve.gate import Limits
from spotkiln.serve.observation import Observation
from spotkiln.target import Health, Instance
from tests.unit.nouns import instance, server, target

# Live instances with their health, or with health and reason.
Healths = Mapping[str, str | tuple[str, str]]

INTERRUPTED = "Server.SpotInstanceTermination"
OWN_END = "Client.InstanceInitiatedShutdown"
BY_HAND = "Client.UserInitiatedShutdown"
MISMATCH = "Target.ResponseCodeMismatch"
LIMITS = Limits(
    polls=2, settle=10, fulfilment=600, grace=60, recovery=60, health=300, losses=2, flaps=2
)


def look(
    at: float,
    healths: Healths | None = None,
    *,
    ended: Iterable[Instance] = (),
    state: str = "active",
    serving: Healths | None = None,
    errors: tuple[str, ...] = (),
) -> Observation:
    """One look. `state` and `errors` are as Spot Fleet tells them; `ended` are instances that live
    no more, `serving` what serves beside."""
    pairs, others = _pairs(healths), _pairs(serving)
    return Observation(
        at=at,
        state=STATES[state],
        status=state,
        instances=(*(instance(name) for name in pairs), *ended),
        targets=tuple(target(name, Health(h), reason) for name, (h, reason) in pairs.items()),
        control=tuple(
            server(name, health=Health(h), reason=reason, zone="")
            for name, (h, reason) in others.items()
        ),
        problems=tuple(map(problem_of, errors)),
    )


def _pairs(healths: Healths | None) -> dict[str, tuple[str, str]]:
    return {k: (v, "") if isinstance(v, str) else v for k, v in (healths or {}).items()}


def looks(*healths: Healths, every: float = 5) -> list[Observation]:
    """Looks `every` so many seconds, from 0 on."""
    return [look(every * n, one) for n, one in enumerate(healths)]


def ended(name: str, by: str) -> Instance:
    return instance(name, "terminated", by)
