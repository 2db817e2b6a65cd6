"""One real load balancer on loopback for every listener that forwards to target groups."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from sandbox.balancing.listeners import Listeners
from sandbox.balancing.metrics import Metrics
from sandbox.state.account import Account

log = logging.getLogger(__name__)


class Balancer(Protocol):
    """`port` is where it listens once start() has returned."""

    port: int

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def counters(self) -> dict[str, Any]: ...

    def take_times(self) -> dict[str, list[float]]: ...


class Balancers:
    """Keeps a load balancer for each listener that forwards to a target group, also for those that
    are made later.

    `changed` is called when addresses have changed.
    """

    def __init__(
        self, account: Account, listeners: Listeners, changed: Callable[[], object]
    ) -> None:
        self._account = account
        self._listeners = listeners
        self._changed = changed
        self._metrics = Metrics(account)
        self._running: dict[str, Balancer] = {}  # by the listener's name
        self._groups: dict[str, str] = {}  # by the target group's name: a listener's
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="balancers", daemon=True)

    def start(self) -> None:
        self.sync()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=10)
        for balancer in self._running.values():
            balancer.stop()
        self._running.clear()

    def addresses(self) -> dict[str, str]:
        """By the names of the target groups behind them; further listeners of a load balancer also
        by its name and their port: website:8443."""
        return {
            group: f"http://127.0.0.1:{self._running[name].port}"
            for group, name in self._groups.items()
            if name in self._running
        }

    def counters(self, name: str) -> dict[str, Any]:
        """What has gone through the load balancer of this target group. KeyError if there is
        none."""
        return self._running[self._groups[name]].counters()

    def forget(self) -> None:
        """The account begins anew: what came before is nothing to its target groups, whatever
        their names. The caller holds its lock."""
        for name, balancer in list(self._running.items()):
            self._metrics.forget(name, balancer.counters())
            balancer.take_times()

    def _follow(self) -> None:
        while not self._stopping.wait(1.0):
            try:
                if self.sync():
                    self._changed()
                with self._account.lock:
                    for name, balancer in self._running.items():
                        self._metrics.publish(name, balancer.counters(), balancer.take_times())
            except Exception:
                log.exception("the load balancers could not be brought up to date")

    def sync(self) -> bool:
        """Start and stop load balancers to match the listeners. True if any address changed."""
        wanted = self._listeners.forwarding()
        before = self._groups
        for name in sorted(wanted.keys() - self._running.keys()):
            balancer = self._make(name)
            balancer.start()
            self._running[name] = balancer
        self._groups = _first(wanted)
        for name in self._running.keys() - wanted.keys():
            self._running.pop(name).stop()
        self._name()
        return self._groups != before

    def _name(self) -> None:
        """Whoever asks for a load balancer's name gets one that answers here: AWS's own would lead
        nowhere. Of several listeners it is that of the first."""
        with self._account.lock:
            for balancer in self._account.elbv2.load_balancers.values():
                names = (f"{balancer.name}:{x.port}" for x in balancer.listeners.values())
                if running := next((self._running[x] for x in names if x in self._running), None):
                    balancer.dns_name = f"127.0.0.1:{running.port}"

    def _make(self, name: str) -> Balancer:
        from sandbox.balancing.load_balancer import (
            LoadBalancer,  # aiohttp is slow to import
        )

        now = self._account.clock.now
        return LoadBalancer(lambda: self._listeners.rules(name), "127.0.0.1", 0, now=now)


def _first(forwarding: dict[str, list[str]]) -> dict[str, str]:
    """By the target group's name: the listener that forwards to it; of several the first. Beside
    the first listener of a load balancer each has its own name, too."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for name, groups in forwarding.items():
        for group in groups:
            found.setdefault(group, name)
        balancer = name.rpartition(":")[0]
        if balancer in seen:
            found[name] = name
        seen.add(balancer)
    return found
