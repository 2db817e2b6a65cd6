"""What a load balancer has to know of the targets behind its listener."""

from dataclasses import dataclass
from typing import Literal

TargetStateName = Literal["initial", "healthy", "unhealthy", "draining", "unused"]


@dataclass(frozen=True)
class TargetRoute:
    """One registered target of the group behind a listener. `address` is where this host reaches
    it, or None if it cannot be reached now."""

    instance_id: str
    port: int
    state: TargetStateName
    address: tuple[str, int] | None
