"""AWS's own table of actions: which resources each is allowed on, and by which conditions.

Source: AWS's Service Authorization Reference, as the package parliament has it.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Keys that any request may be judged by.
_GLOBAL = frozenset(
    {"aws:requestedregion", "aws:principalarn", "aws:principalaccount", "aws:currenttime"}
)
_TAG_KEY = re.compile(r"\$\{[^}]*\}$|<[^>]*>$|tag-key$", re.IGNORECASE)


@dataclass(frozen=True)
class Kind:
    """A type of resource that an action is allowed on. `keys`: of its conditions, in lower case;
    one that ends with a slash stands for all keys of tags."""

    name: str
    required: bool
    keys: frozenset[str]
    arn: re.Pattern[str]

    def knows(self, key: str) -> bool:
        return key in self.keys or f"{key.partition('/')[0]}/" in self.keys


@dataclass(frozen=True)
class Action:
    """`kinds` are empty for one that is allowed on `*` alone."""

    name: str
    kinds: tuple[Kind, ...]
    keys: frozenset[str]

    def kind(self, name: str) -> Kind | None:
        return next((one for one in self.kinds if one.name == name), None)

    def kind_of(self, arn: str) -> Kind | None:
        return next((one for one in self.kinds if one.arn.fullmatch(arn)), None)

    def knows(self, key: str, kind: Kind | None) -> bool:
        """Whether AWS tells this key when it judges the action on that kind of resource."""
        everywhere = key in self.keys or f"{key.partition('/')[0]}/" in self.keys
        return key in _GLOBAL or everywhere or (kind is not None and kind.knows(key))


@cache
def actions(service: str) -> dict[str, Action]:
    """Those of a service by their names in lower case; empty for a service that is not in it."""
    found: dict[str, Action] = {}
    for part in _parts(service):
        arns = {one["resource"]: _arn(one["arn"]) for one in part["resources"]}
        for one in part["privileges"]:
            action = _action(one, arns)
            former = found.get(action.name.lower())
            found[action.name.lower()] = _together(former, action) if former else action
    return found


def find(service: str, operation: str) -> Action:
    """One that is not in the table is judged on `*`, without conditions."""
    none = Action(operation, (), frozenset())
    return actions(service).get(operation.lower(), none)


def _action(one: dict[str, Any], arns: dict[str, re.Pattern[str]]) -> Action:
    kinds, keys = [], frozenset[str]()
    for row in one["resource_types"]:
        name, of_row = row["resource_type"], frozenset(map(_key, row["condition_keys"]))
        if not name:
            keys |= of_row
            continue
        kind = name.rstrip("*")
        kinds.append(Kind(kind, name.endswith("*"), of_row, arns.get(kind, re.compile("(?!)"))))
    return Action(one["privilege"], tuple(kinds), keys)


def _together(one: Action, other: Action) -> Action:
    """Two services that share a prefix, the load balancers' old and new, share names as well."""
    return Action(one.name, (*one.kinds, *other.kinds), one.keys | other.keys)


def _key(name: str) -> str:
    return _TAG_KEY.sub("", name.lower())


def _arn(text: str) -> re.Pattern[str]:
    parts = re.split(r"\$\{[^}]*\}", text)
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


def _parts(service: str) -> list[dict[str, Any]]:
    """Of the whole table, ten megabytes, only what concerns the service is parsed."""
    wanted = f'"prefix": "{service}"'
    return [json.loads(f"{{{one}}}") for one in _texts() if wanted in one]


@cache
def _texts() -> list[str]:
    text = _file().read_text().strip().removeprefix("[\n  {").removesuffix("\n  }\n]")
    return text.split("\n  },\n  {")


def _file() -> Path:
    spec = find_spec("parliament")
    folder = (spec.submodule_search_locations or [""])[0] if spec else ""
    file = Path(folder) / "iam_definition.json"
    if not folder or not file.is_file():
        raise RuntimeError("AWS's table of actions is not installed: run `make .venv/.done`")
    return file
