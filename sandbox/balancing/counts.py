"""How many requests went through a load balancer, and how they ended."""

from collections import Counter, defaultdict
from typing import Any

from sandbox.balancing.routes import TargetRoute


class Counts:
    """The load balancer's thread writes. A reader may miss the request that is being counted."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.cut = 0
        self._codes: Counter[int] = Counter()
        self._generated: Counter[int] = Counter()
        self._targets: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._groups: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._times: defaultdict[str, list[float]] = defaultdict(list)

    def forwarded(self, route: TargetRoute, status: int) -> None:
        self._codes[status] += 1
        self._groups[route.group][status] += 1
        self._targets[route.instance_id][status] += 1

    def generated(self, route: TargetRoute | None, status: int) -> None:
        self._codes[status] += 1
        self._generated[status] += 1
        if route is not None:
            self._targets[route.instance_id][status] += 1

    def took(self, route: TargetRoute, seconds: float) -> None:
        """So long a target took to begin its answer."""
        self._times[route.group].append(seconds)

    def take_times(self) -> dict[str, list[float]]:
        """Those since the last call, by the target group's name."""
        taken, self._times = self._times, defaultdict(list)
        return dict(taken)

    def snapshot(self) -> dict[str, Any]:
        return {
            "requests": self._codes.total(),
            "in_flight": self.in_flight,
            "cut": self.cut,
            "codes": _text_keys(self._codes),
            "generated": _text_keys(self._generated),
            "groups": _each(self._groups),
            "targets": _each(self._targets),
        }


def _each(counted: dict[str, Counter[int]]) -> dict[str, Any]:
    return {
        name: {"requests": codes.total(), "codes": _text_keys(codes)}
        for name, codes in sorted(counted.copy().items())
    }


def _text_keys(codes: Counter[int]) -> dict[str, int]:
    return {str(code): count for code, count in sorted(codes.copy().items())}
