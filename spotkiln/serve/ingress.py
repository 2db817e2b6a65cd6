"""Ingress: whether security groups let a load balancer reach its targets."""

from collections.abc import Collection, Iterable
from ipaddress import ip_network

from spotkiln.noun import Noun
from spotkiln.serve.gate import Cause, GateOutcome, Verdict
from spotkiln.serve.observation import Observation
from spotkiln.target import Health

EVERY_PROTOCOL = "-1"


class Rule(Noun):
    """One rule of a security group for what may come in.

    `first` and `last` are ports; None means all of them. `groups` (security groups) and `ranges`
    (IPv4 networks) may send. `lists` are prefix lists, which are not looked into.
    """

    protocol: str
    first: int | None = None
    last: int | None = None
    groups: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def covers(self, port: int) -> bool:
        if self.protocol == EVERY_PROTOCOL:
            return True
        if self.protocol not in {"tcp", "6"}:
            return False
        return (self.first is None or self.first <= port) and (
            self.last is None or port <= self.last
        )


def admits(
    rules: Iterable[Rule], port: int, groups: Collection[str], networks: Collection[str]
) -> bool:
    """Whether a load balancer with these security groups, in these networks, may reach the port.
    In doubt it may: where a rule names a prefix list, or its networks are not known."""
    fitting = [rule for rule in rules if rule.covers(port)]
    if any(rule.lists or set(rule.groups) & set(groups) for rule in fitting):
        return True
    ranges = [ip_network(text, strict=False) for rule in fitting for text in rule.ranges]
    # The load balancer asks from each of its networks, so each must be let in.
    return all(
        any(ip_network(one, strict=False).subnet_of(wide) for wide in ranges)  # type: ignore[arg-type]
        for one in networks
    )


def points_at_network(verdict: Verdict, seen: Observation) -> bool:
    """Whether the network may be the reason: all that is unhealthy ran into time-outs."""
    bad = [one for one in seen.targets if one.health is Health.UNHEALTHY]
    return (
        verdict.cause in {Cause.FAILING_CHECK, Cause.OUTSIDE}
        and bool(bad)
        and all(one.reason == "Target.Timeout" for one in bad)
    )


def closed(verdict: Verdict, why: str) -> Verdict:
    """The verdict once it is known that a security group is the reason, and why."""
    return Verdict(
        outcome=GateOutcome.FAILED,
        cause=Cause.MISCONFIGURED,
        detail=f"{why}; {verdict.detail}",
        advice="Let the load balancer's security group reach that port, release again.",
    )
