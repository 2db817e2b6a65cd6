"""The Rules of a template: what CloudFormation asserts of parameters before it makes or changes
anything. moto does not look at them.

Of a rule that fails no source has AWS's words; those of a function that is none of Rules are AWS's.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

# What AWS knows beside these: it reads values of other things of the account.
_LOOKED_UP = ("Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll")
# How many arguments each takes.
_ARGUMENTS: Mapping[str, tuple[int, int]] = {
    "Fn::And": (2, 10),
    "Fn::Or": (2, 10),
    "Fn::Not": (1, 1),
    "Fn::Equals": (2, 2),
    "Fn::Contains": (2, 2),
    "Fn::EachMemberEquals": (2, 2),
    "Fn::EachMemberIn": (2, 2),
}


class RuleError(Exception):
    """A rule's failure, or why it cannot be asked."""


def check(template: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """values: of parameters and pseudo parameters; lists as lists.

    Raises:
        RuleError: the first assertion that does not hold, or what is wrong with the rules.
    """
    rules = template.get("Rules") or {}
    if not isinstance(rules, dict):
        raise RuleError("Template format error: Rules must be an object.")
    _check_functions(rules)
    for name, rule in rules.items():
        for assertion in _assertions(name, rule):
            if not _holds(rule.get("RuleCondition", True), values):
                break
            if not _holds(assertion["Assert"], values):
                why = assertion.get("AssertDescription") or "its assertion does not hold"
                raise RuleError(f"Template validation error: Rule {name} failed: {why}")


def _assertions(name: str, rule: Any) -> list[dict[str, Any]]:
    found = rule.get("Assertions") if isinstance(rule, dict) else None
    if not isinstance(found, list) or not all(
        isinstance(one, dict) and "Assert" in one for one in found
    ):
        raise RuleError(
            f"Template format error: Rule {name} must have Assertions, a list, each with an Assert."
        )
    return found


def _check_functions(rules: Any) -> None:
    used = sorted(set(_functions(rules)))
    known = {"Ref", *_ARGUMENTS, *_LOOKED_UP}
    if unknown := [one for one in used if one not in known]:
        raise RuleError(
            "Template format error: Following functions are not supported in the Rules block of "
            f"the template: [{', '.join(unknown)}]"
        )
    if looked_up := [one for one in used if one in _LOOKED_UP]:
        raise RuleError(
            f"the sandbox has no {', '.join(looked_up)} in Rules; it knows Ref, "
            f"{', '.join(_ARGUMENTS)}"
        )


def _functions(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _functions(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name.startswith("Fn::") or name in ("Ref", "Condition"):
                yield name
            yield from _functions(inner)


def _holds(asked: Any, values: Mapping[str, Any]) -> bool:
    found = _value(asked, values)
    if isinstance(found, bool):
        return found
    if found in ("true", "false"):
        return bool(found == "true")
    raise RuleError(f"Template format error: expected true or false in Rules, found {found}")


def _value(asked: Any, values: Mapping[str, Any]) -> Any:
    """Text, a list of texts, or true or false."""
    if isinstance(asked, list):
        return [_value(one, values) for one in asked]
    if not isinstance(asked, dict):
        return asked if isinstance(asked, bool) else text_of(asked)
    if len(asked) != 1:
        raise RuleError(
            f"Template format error: expected one function in Rules, found {', '.join(asked)}"
        )
    ((name, inner),) = asked.items()
    if name == "Ref":
        return _referred(inner, values)
    if name not in _ARGUMENTS:
        raise RuleError(f"Template format error: expected a function in Rules, found {name}")
    least, most = _ARGUMENTS[name]
    if not isinstance(inner, list) or not least <= len(inner) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise RuleError(f"Template error: {name} in Rules takes a list of {count}")
    if name in ("Fn::And", "Fn::Or", "Fn::Not"):
        return _LOGIC[name]([_holds(one, values) for one in inner])
    return _COMPARED[name](*(_value(one, values) for one in inner))


def _referred(name: Any, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise RuleError(
            f"Template format error: Unresolved dependencies [{name}]. Cannot reference resources "
            "in the Rules block of the template"
        )
    found = values[name]
    return [text_of(one) for one in found] if isinstance(found, list) else text_of(found)


def text_of(value: Any) -> str:
    """As CloudFormation compares it, whatever the template has."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) or isinstance(other, list):
        return bool(one == other)
    return text_of(one) == text_of(other)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_LOGIC: Mapping[str, Callable[[list[bool]], bool]] = {
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Not": lambda found: not found[0],
}
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "Fn::Equals": _same,
    "Fn::Contains": lambda among, one: any(_same(one, other) for other in _list(among)),
    "Fn::EachMemberEquals": lambda each, one: all(_same(one, other) for other in _list(each)),
    "Fn::EachMemberIn": lambda each, among: all(
        any(_same(one, other) for other in _list(among)) for one in _list(each)
    ),
}
