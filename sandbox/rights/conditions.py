"""The condition block of a policy's statement."""

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

# What a request says of itself, by key in lower case: keys are the same in any case. A key that is
# not there was not said.
Context = Mapping[str, tuple[str, ...]]

Holds = Callable[[str, str], bool]  # of the request's value and the policy's


class UnknownOperatorError(ValueError):
    """An operator that is not known here."""


@lru_cache(4096)
def pattern(text: str) -> re.Pattern[str]:
    """`*` stands for any characters, `?` for one; everything else for itself."""
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(one) or re.escape(one) for one in text), re.DOTALL)


def _like(value: str, wanted: str) -> bool:
    return pattern(wanted).fullmatch(value) is not None


def _arn_like(value: str, wanted: str) -> bool:
    """Each of an ARN's six parts by itself: no `*` reaches beyond a colon before the last part."""
    ours, theirs = value.split(":", 5), wanted.split(":", 5)
    return len(ours) == len(theirs) and all(map(_like, ours, theirs))


def _moment(text: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _in_network(value: str, wanted: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)


def _compared(read: Callable[[str], float], name: str) -> Holds:
    compare: dict[str, Callable[[float, float], bool]] = {
        "Equals": operator.eq,
        "LessThan": operator.lt,
        "LessThanEquals": operator.le,
        "GreaterThan": operator.gt,
        "GreaterThanEquals": operator.ge,
    }
    chosen = compare[name]
    return lambda value, wanted: chosen(read(value), read(wanted))


_COMPARISONS = ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
_OPERATORS: dict[str, Holds] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "IpAddress": _in_network,
    **{f"Numeric{one}": _compared(float, one) for one in _COMPARISONS},
    **{f"Date{one}": _compared(_moment, one) for one in _COMPARISONS},
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
_VARIABLE = re.compile(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}")


def hold(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether all of them do.

    Raises:
        UnknownOperatorError: one has an operator that is not known here.
    """
    return all(
        _holds(name, context.get(key.lower()), wanted, context)
        for name, keys in conditions.items()
        for key, wanted in keys.items()
    )


def keys_of(conditions: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {key for keys in conditions.values() for key in keys}


def _holds(full: str, values: tuple[str, ...] | None, wanted: Any, context: Context) -> bool:
    every, _, name = full.rpartition(":")
    if name == "Null":
        return (values is None) is (str(_each(wanted)[0]).lower() == "true")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = name in _NEGATED
    holds = _OPERATORS.get(_NEGATED.get(name, name))
    if holds is None:
        raise UnknownOperatorError(f"condition operator {full}: not known here")
    if values is None:
        return if_exists or every == "ForAllValues" or (negated and every != "ForAnyValue")
    texts = [_filled(str(one), context) for one in _each(wanted)]
    fits = [_any(holds, value, texts) is not negated for value in values]
    return all(fits) if every == "ForAllValues" or (negated and not every) else any(fits)


def _any(holds: Holds, value: str, wanted: list[str]) -> bool:
    try:
        return any(holds(value, one) for one in wanted)
    except ValueError:  # what is no number is equal to none
        return False


def _filled(text: str, context: Context) -> str:
    """With its variables: `${aws:PrincipalTag/team, 'none'}`."""

    def value(found: re.Match[str]) -> str:
        known = context.get(found[1].strip().lower())
        return known[0] if known else (found[2] or "")

    return _VARIABLE.sub(value, text) if "${" in text else text


def _each(value: Any) -> list[Any]:
    found = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else one for one in found]
