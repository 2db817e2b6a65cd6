"""The rules of listeners, as the load balancers on this machine carry them out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.balancing import forward
from sandbox.balancing.routes import FixedResponse, Rule, Share, TargetRoute
from sandbox.state.account import Account

# Rules with other conditions than these fit no request here.
_HOST, _PATH = "host-header", "path-pattern"


@dataclass(frozen=True)
class _Forward:
    """A rule without its targets: `groups` are names with weights."""

    groups: tuple[tuple[str, int], ...]
    hosts: tuple[str, ...] | None
    paths: tuple[str, ...] | None
    answer: FixedResponse | None
    sticky_seconds: int | None


class Listeners:
    """`routes` returns the targets of the group of that name. A listener is named by its load
    balancer's name and its port: that stays when an account is reset."""

    def __init__(self, account: Account, routes: Callable[[str], list[TargetRoute]]) -> None:
        self._account = account
        self._routes = routes
        self._known: dict[str, tuple[_Forward, ...]] = {}

    def forwarding(self) -> dict[str, list[str]]:
        """The listeners that forward to a target group, and the names of those groups, that of the
        default action first."""
        with self._account.lock:
            found = {name: self._forwards(one) for name, one in self._every()}
        names = {
            name: [group for rule in reversed(rules) for group, _ in rule.groups]
            for name, rules in found.items()
        }
        return {name: list(dict.fromkeys(groups)) for name, groups in names.items() if groups}

    def rules(self, name: str) -> list[Rule]:
        """In the order in which they are tried; the default one is the last. While the API holds
        the lock, the answer is the last one: traffic does not wait for API calls."""
        if self._account.lock.acquire(timeout=0.05 if name in self._known else -1):
            try:
                listener = dict(self._every()).get(name)
                self._known[name] = self._forwards(listener) if listener else ()
            finally:
                self._account.lock.release()
        return [
            Rule(
                shares=tuple(
                    Share(group, self._routes(group), weight) for group, weight in one.groups
                ),
                hosts=one.hosts,
                paths=one.paths,
                answer=one.answer,
                sticky_seconds=one.sticky_seconds,
            )
            for one in self._known[name]
        ]

    def _every(self) -> Iterator[tuple[str, Any]]:
        for balancer in self._account.elbv2.load_balancers.values():
            for listener in balancer.listeners.values():
                yield f"{balancer.name}:{listener.port}", listener

    def _forwards(self, listener: Any) -> tuple[_Forward, ...]:
        found = sorted(
            (one for one in listener.rules.values() if not one.is_default),
            key=lambda one: int(one.priority),
        )
        rules = [
            self._forward(one.actions, one.conditions) for one in found if _known(one.conditions)
        ]
        return (*rules, self._forward(listener.default_actions, []))

    def _forward(self, actions: list[Any], conditions: list[dict[str, Any]]) -> _Forward:
        groups = self._account.elbv2.target_groups
        weights = {
            groups[arn].name: weight
            for one in actions
            for arn, weight in _weights(one.data)
            if arn in groups
        }
        return _Forward(
            groups=tuple(weights.items()),
            hosts=_values(conditions, _HOST),
            paths=_values(conditions, _PATH),
            answer=next((_answer(x.data) for x in actions if x.type == "fixed-response"), None),
            sticky_seconds=next((found for x in actions if (found := _sticky(x.data))), None),
        )


def _known(conditions: list[dict[str, Any]]) -> bool:
    return all(one.get("Field") in {_HOST, _PATH} for one in conditions)


def _weights(action: dict[str, Any]) -> Iterator[tuple[str, int]]:
    if several := (action.get("ForwardConfig") or {}).get("TargetGroups"):
        for one in several:
            yield one["TargetGroupArn"], int(one.get("Weight", 1))
    elif arn := action.get("TargetGroupArn"):
        yield arn, 1


def _sticky(action: dict[str, Any]) -> int | None:
    config = (action.get("ForwardConfig") or {}).get("TargetGroupStickinessConfig") or {}
    return int(config["DurationSeconds"]) if forward.is_true(config.get("Enabled")) else None


def _values(conditions: list[dict[str, Any]], field: str) -> tuple[str, ...] | None:
    found: list[str] = []
    for one in conditions:
        if one.get("Field") == field:
            config = one.get("HostHeaderConfig") or one.get("PathPatternConfig") or {}
            found += one.get("Values") or config.get("Values") or []
    if not found:
        return None
    return tuple(x.lower() if field == _HOST else x for x in found)


def _answer(action: dict[str, Any]) -> FixedResponse:
    fixed = action.get("FixedResponseConfig") or {}
    return FixedResponse(
        status=int(fixed.get("StatusCode") or 200),
        content_type=fixed.get("ContentType") or "text/plain",
        body=fixed.get("MessageBody") or "",
    )
