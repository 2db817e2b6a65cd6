"""What whoever starts a sandbox says of its account."""

from dataclasses import dataclass, field
from typing import Any

# Names of security groups, by their tags: the servers', which the product looks for if nobody says
# another; and that of load balancers that are made by hand, at the start and later.
SERVERS, BALANCER = "Rails App", "Load balancer"
# The account's template lets the worker hand on the roles below this path.
ROLE_PATH = "/spotkiln/"


@dataclass(frozen=True)
class GroupSettings:
    """One target group behind a load balancer of the same name. Times are in seconds, as AWS has
    them. `health_port` of 0: the traffic's.

    The account's template makes it, with a second one beside it, a rule, a security group and a
    role of servers; `stack` are further parameters of the template. `by_hand`: a target group
    alone, to which the listener forwards all requests, as accounts have that nobody has prepared
    for this.
    """

    name: str = "website"
    port: int = 3000
    health_port: int = 0
    path: str = "/up"
    interval: int = 5
    timeout: int = 2
    healthy: int = 2
    unhealthy: int = 2
    matcher: str = "200"
    deregistration_delay: int = 5
    slow_start: int = 0
    cross_zone: bool = True
    by_hand: bool = False
    stack: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AccountSettings:
    """No target groups: an account that nobody has prepared. There are no roles and profiles, and
    no security groups but the default one.

    Raises:
        ValueError: no target group is made by the template.
    """

    target_groups: tuple[GroupSettings, ...] = (GroupSettings(),)
    zones: tuple[str, ...] = ("a", "b", "c")

    def __post_init__(self) -> None:
        if self.target_groups and all(one.by_hand for one in self.target_groups):
            raise ValueError(
                "expected a target group without by_hand, got none: its stack makes the roles of "
                "the worker and of fleets"
            )

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "AccountSettings":
        """{"target_groups": ["website", {"name": "blog", "interval": 30}], "zones": ["a", "b"]}"""
        groups = tuple(
            GroupSettings(name=group) if isinstance(group, str) else GroupSettings(**group)
            for group in body.get("target_groups", ["website"])
        )
        return cls(groups, tuple(body.get("zones", ("a", "b", "c"))))
