"""What policies say of one action on one resource, as IAM decides it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from sandbox.rights import conditions
from sandbox.rights.conditions import Context, UnknownOperatorError, pattern

Word = Literal["allowed", "denied", "not allowed"]


@dataclass(frozen=True)
class Decision:
    """`by`: the statements that allow it, or the one that denies it; by Sid, or by their numbers.
    `missing`: keys of conditions that the request does not say, of statements that concern it."""

    word: Word
    by: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Statement:
    name: str
    effect: str
    actions: tuple[str, ...]  # patterns in lower case
    resources: tuple[str, ...]
    all_actions_but: bool = False
    all_resources_but: bool = False
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def concerns(self, action: str, resource: str) -> bool:
        found = any(pattern(one).fullmatch(action) for one in self.actions)
        if found is self.all_actions_but:
            return False
        found = any(pattern(one).fullmatch(resource) for one in self.resources)
        return found is not self.all_resources_but

    def holds(self, context: Context) -> bool:
        """A condition that is not known here is read strictly: it allows nothing, and what it
        denies is denied."""
        try:
            return conditions.hold(self.conditions, context)
        except UnknownOperatorError:
            return self.effect == "Deny"


def decide(
    documents: Iterable[str], action: str, resource: str, context: Context | None = None
) -> Decision:
    """`documents`: policies as JSON. `action`: such as ssm:GetParameter. A denial by any of them
    wins; without a statement that allows it, an action is not allowed."""
    given, lower = context or {}, action.lower()
    allowed: set[str] = set()
    missing: set[str] = set()
    for document in documents:
        for statement in statements(document):
            if not statement.concerns(lower, resource):
                continue
            if statement.conditions:
                asked = conditions.keys_of(statement.conditions)
                missing |= {one for one in asked if one.lower() not in given}
            if not statement.holds(given):
                continue
            if statement.effect == "Deny":
                return Decision("denied", frozenset({statement.name}))
            allowed.add(statement.name)
    if allowed:
        return Decision("allowed", frozenset(allowed))
    return Decision("not allowed", missing=frozenset(missing))


@lru_cache(256)
def statements(document: str) -> tuple[Statement, ...]:
    found = _each(json.loads(document).get("Statement"))
    return tuple(_statement(number, one) for number, one in enumerate(found, start=1))


def _statement(number: int, one: Mapping[str, Any]) -> Statement:
    but = {name: f"Not{name}" in one for name in ("Action", "Resource")}
    actions, resources = (_each(one.get(f"Not{x}" if but[x] else x)) for x in but)
    return Statement(
        name=str(one.get("Sid") or number),
        effect=str(one.get("Effect")),
        actions=tuple(str(x).lower() for x in actions),
        resources=tuple(str(x) for x in resources),
        all_actions_but=but["Action"],
        all_resources_but=but["Resource"],
        conditions=one.get("Condition") or {},
    )


def _each(value: Any) -> list[Any]:
    """IAM takes one element without a list around it."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
