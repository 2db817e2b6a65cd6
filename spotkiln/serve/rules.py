"""Rules: which requests a listener forwards where, in the order of their priorities."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from spotkiln.errors import InputError
from spotkiln.noun import Noun

MOST_PRIORITY = 50000
HTTPS, HTTP = 443, 80


class Listener(Noun):
    """One of a load balancer's. `groups` are the ARNs of the target groups that it forwards to."""

    arn: str
    protocol: str
    port: int
    groups: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """What a host name gets before and behind it, to be its address."""
        scheme = "https" if self.protocol in {"HTTPS", "TLS"} else "http"
        usual = HTTPS if scheme == "https" else HTTP
        return f"{scheme}://{{host}}" + (f":{self.port}" if self.port != usual else "")


class Rule(Noun):
    """`priority` is None for the default one. `hosts` are patterns; `narrow`: it asks for more than
    a host name, such as a path."""

    arn: str
    priority: int | None
    hosts: tuple[str, ...] = ()
    narrow: bool = False
    groups: tuple[str, ...] = ()


def choose_listener(listeners: Iterable[Listener], group: str, port: int) -> Listener:
    """The one on this port; 0: the one that forwards to the target group (ARN), of several the one
    with TLS, else of the lowest port.

    Raises:
        InputError: there is none.
    """
    known = sorted(listeners, key=lambda x: (x.protocol != "HTTPS", x.port))
    found = [one for one in known if (one.port == port if port else group in one.groups)]
    if found:
        return found[0]
    there = ", ".join(f"{one.protocol}:{one.port}" for one in known) or "none"
    wanted = f"on port {port}" if port else f"that forwards to {group.split('/')[1]}"
    raise InputError(
        f"no listener {wanted}; there are: {there}. Name its port as `preview.listener`"
    )


def hosts_fit(patterns: Iterable[str], host: str) -> bool:
    """Whether one of a rule's patterns (* and ?) means this host name."""
    return any(fnmatchcase(host.lower(), one.lower()) for one in patterns)


def require_reached(rules: Iterable[Rule], host: str, priority: int) -> None:
    """
    Raises:
        InputError: a rule before this priority takes all that asks for the host.
    """
    for one in rules:
        before = one.priority is not None and one.priority < priority
        if before and not one.narrow and (not one.hosts or hosts_fit(one.hosts, host)):
            raise InputError(
                f"rule {one.priority} of the listener takes {host} before a preview's rule with "
                f"priority {priority} could: let `preview.priority` begin below {one.priority}"
            )


def free_priority(rules: Iterable[Rule], first: int, tried: Collection[int] = ()) -> int:
    """The first that is free from `first` on, and that was not tried already.

    Raises:
        InputError: none is.
    """
    used = {one.priority for one in rules} | set(tried)
    for priority in range(first, MOST_PRIORITY + 1):
        if priority not in used:
            return priority
    raise InputError(
        f"no priority from {first} to {MOST_PRIORITY} is free at the listener: let "
        "`preview.priority` begin lower"
    )
