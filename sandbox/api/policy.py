"""What a role's policies say of one action on one resource, as IAM decides it.

Statements with a condition are read strictly, because conditions are not evaluated: they allow
nothing, and what they deny is denied.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

Decision = Literal["allowed", "denied", "not allowed"]


def decide(policies: Iterable[dict[str, Any]], action: str, resource: str) -> Decision:
    """`policies`: policy documents. `action`: such as ssm:GetParameter. A denial by any of them
    wins; without a statement that allows it, an action is not allowed."""
    decision: Decision = "not allowed"
    for policy in policies:
        for statement in _each(policy.get("Statement")):
            if not _concerns(statement, action, resource):
                continue
            if statement.get("Effect") == "Deny":
                return "denied"
            if "Condition" not in statement:
                decision = "allowed"
    return decision


def _concerns(statement: dict[str, Any], action: str, resource: str) -> bool:
    return _named(statement, "Action", action.lower(), lower=True) and _named(
        statement, "Resource", resource, lower=False
    )


def _named(statement: dict[str, Any], element: str, value: str, *, lower: bool) -> bool:
    negated = f"Not{element}" in statement
    patterns = _each(statement.get(f"Not{element}" if negated else element))
    found = any(_matcher(one.lower() if lower else one).fullmatch(value) for one in patterns)
    return found is not negated


@lru_cache(1024)
def _matcher(pattern: str) -> re.Pattern[str]:
    """`*` stands for any characters, `?` for one; everything else for itself."""
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(one) or re.escape(one) for one in pattern), re.DOTALL)


def _each(value: Any) -> list[Any]:
    """IAM takes one element without a list around it."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
