"""What a load balancer is told of the targets behind its listener."""

from dataclasses import dataclass
from typing import Literal

TargetStateName = Literal["initial", "healthy", "unhealthy", "draining", "unused"]


@dataclass(frozen=True)
class TargetRoute:
    """One registered target of the target group behind a listener.

    The load balancer sends new requests to `healthy` ones only; to all that are healthy,
    unhealthy or initial when none is healthy (fail open), never to draining or unused ones;
    503 when there is none. `address` is where this host reaches it, None if nowhere now.
    """

    instance_id: str
    port: int
    state: TargetStateName
    address: tuple[str, int] | None
