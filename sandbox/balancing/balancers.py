"""One real load balancer on loopback for every target group that a listener forwards to."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from sandbox.balancing.routes import TargetRoute
from sandbox.state.account import Account

log = logging.getLogger(__name__)


class Balancer(Protocol):
    """`port` is where it listens once start() has returned."""

    port: int

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def counters(self) -> dict[str, Any]: ...


class Balancers:
    """Keeps a load balancer for each target group that a listener forwards to, also for groups that
    are made later.

    `routes` returns the targets of the group of that name. `changed` is called when addresses have
    changed.
    """

    def __init__(
        self,
        account: Account,
        routes: Callable[[str], list[TargetRoute]],
        changed: Callable[[], object],
    ) -> None:
        self._account = account
        self._routes = routes
        self._changed = changed
        self._running: dict[str, Balancer] = {}  # by the target group's name
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
        return {
            name: f"http://127.0.0.1:{balancer.port}" for name, balancer in self._running.items()
        }

    def counters(self, name: str) -> dict[str, Any]:
        """What has gone through it. KeyError if there is no load balancer of that name."""
        return self._running[name].counters()

    def _follow(self) -> None:
        while not self._stopping.wait(1.0):
            try:
                if self.sync():
                    self._changed()
            except Exception:
                log.exception("the load balancers could not be brought up to date")

    def sync(self) -> bool:
        """Start and stop load balancers to match the listeners. True if any changed."""
        wanted = self._forwarded()
        ended, begun = set(self._running) - wanted, wanted - set(self._running)
        for name in ended:
            self._running.pop(name).stop()
        for name in sorted(begun):
            balancer = self._make(name)
            balancer.start()
            self._running[name] = balancer
        self._name()
        return bool(ended or begun)

    def _name(self) -> None:
        """Whoever asks for a load balancer's name gets one that answers here: AWS's own would lead
        nowhere. Of several target groups it is that of the first."""
        with self._account.lock:
            groups = self._account.elbv2.target_groups
            for balancer in self._account.elbv2.load_balancers.values():
                arns = [one for x in balancer.listeners.values() for one in _target_groups(x)]
                names = (groups[arn].name for arn in arns if arn in groups)
                if running := next((self._running[x] for x in names if x in self._running), None):
                    balancer.dns_name = f"127.0.0.1:{running.port}"

    def _make(self, name: str) -> Balancer:
        from sandbox.balancing.load_balancer import (
            LoadBalancer,  # aiohttp is slow to import
        )

        return LoadBalancer(lambda: self._routes(name), "127.0.0.1", 0)

    def _forwarded(self) -> set[str]:
        """Names of the target groups behind a listener."""
        with self._account.lock:
            groups = self._account.elbv2.target_groups
            return {
                groups[arn].name
                for balancer in self._account.elbv2.load_balancers.values()
                for listener in balancer.listeners.values()
                for arn in _target_groups(listener)
                if arn in groups
            }


def _target_groups(listener: Any) -> list[str]:
    arns = []
    for action in listener.default_actions:
        data = action.data
        arns.append(data.get("TargetGroupArn"))
        arns += [
            group.get("TargetGroupArn")
            for group in (data.get("ForwardConfig") or {}).get("TargetGroups") or []
        ]
    return [arn for arn in arns if arn]
