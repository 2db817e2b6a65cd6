"""Manifest: reads a spotkiln.yaml. What is wrong with it is told by line."""

import difflib
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from spotkiln.bake.app import Address
from spotkiln.bake.choices import Hardening, MigrateOn
from spotkiln.bake.description import Description
from spotkiln.bake.keys import VARIABLES
from spotkiln.bake.processes import Process, Restart, Timer
from spotkiln.bake.services import SERVICES
from spotkiln.errors import InputError
from spotkiln.noun import Noun

FILE = "spotkiln.yaml"
MOST_BYTES = 64 * 1024
# As much as is repeated of what came.
SHOWN = 60

# Keys whose value is one of several words.
CHOICES: dict[str, type[StrEnum]] = {
    "hardening": Hardening,
    "migrate_on": MigrateOn,
    "restart": Restart,
}
EXPECTED = {
    "health_path": "a path that begins with a slash, such as /up",
    "user": "a system user's name: lower-case letters, digits, - and _, 31 at most",
    **dict.fromkeys(VARIABLES, "variables, each `NAME: value`"),
    "depends_on": "a list of paths from the repository's top",
    "lock": "a list of files and folders of the application",
    "notify": "true or false",
    "test_services": f"a list of {', '.join(SERVICES)}",
    "config": "a list of variables' names, such as [DATABASE_URL]",
    "processes": "processes, each `NAME: {start: COMMAND}`",
    "timers": "timers, each `NAME: {run: COMMAND, on: TIME}`",
    "writable": "a list of folders of the application",
    **{key: f"one of {', '.join(words)}" for key, words in CHOICES.items()},
}
# Keys that have named ones below them, and what stands behind each name.
NESTED: dict[str, type[Noun]] = {"processes": Process, "timers": Timer}


def _wanted(model: type[Noun], more: dict[str, str]) -> dict[str, str]:
    """What is expected of each key of a model that is more than text."""
    keys = model.model_json_schema()["properties"]
    numbers = {
        key: f"a whole number from {one['minimum']} to {one['maximum']}"
        for key, one in keys.items()
        if one.get("type") == "integer"
    }
    switches = {key: "true or false" for key, one in keys.items() if one.get("type") == "boolean"}
    return {**numbers, **switches, **more}


WANTED = _wanted(Description, EXPECTED)
WANTED_BELOW = {
    key: _wanted(model, {"restart": EXPECTED["restart"]}) for key, model in NESTED.items()
}
KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "keys with values",
    tuple: "a list",
    str: "text",
    type(None): "nothing",
}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _find(node: yaml.Node, where: tuple[int | str, ...]) -> int:
    """The line of what the path names, or of the last that is there of it."""
    line = _line(node)
    for part in where:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == part), None)
            if found is None:
                return line
            line, node = _line(found[0]), found[1]
            continue
        else:
            return line
        line = _line(node)
    return line


def _twice(node: yaml.Node, known: set[yaml.Node]) -> Iterator[tuple[int, str]]:
    """Keys that stand there twice: YAML would take the last and say nothing. `known` are those that
    have been looked at: an alias may stand inside of what it stands for."""
    if not isinstance(node, yaml.MappingNode) or node in known:
        return
    known.add(node)
    seen: dict[str, int] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in seen:
            yield _line(key), f"{name}: stands here again, first in line {seen[name]}: leave one"
        seen.setdefault(name, _line(key))
        yield from _twice(value, known)


def _unknown(where: tuple[int | str, ...]) -> str:
    key, called = str(where[-1]), ".".join(map(str, where))
    if len(where) == 1 and key in Address.model_fields:
        return f"{key}: belongs to the deployment in prefect.yaml, not to the application's file"
    known = list(_model(where).model_fields)
    near = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
    return f"{called}: there is no such key; {hint}"


def _model(where: tuple[int | str, ...]) -> type[Noun]:
    """The one that the last part of a path is a key of."""
    return NESTED.get(str(where[0]), Description) if len(where) > 2 else Description


def _came(error: ErrorDetails) -> str:
    """What stood there; a variable's value may be a secret in the wrong place."""
    value, key = error["input"], str(error["loc"][0])
    kind = KINDS.get(type(value), "something else")
    if key in {*VARIABLES, "config"}:
        return kind
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return kind
    return f'"{value if len(value) <= SHOWN else value[: SHOWN - 1] + "…"}"'


def _expected(error: ErrorDetails) -> str:
    kind, came = error["type"], error["input"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "string_too_short":
        return "expected a command, got blanks"
    if kind == "missing":
        return "expected it, got no such key: there is no default for it"
    wanted = _wanted_at(error["loc"], text=kind == "string_type")
    hint = ": put it in quotes" if wanted == "text" and not isinstance(came, dict | tuple) else ""
    return f"expected {wanted}, got {_came(error)}{hint}"


def _wanted_at(where: tuple[int | str, ...], *, text: bool) -> str:
    key = str(where[0])
    if key in NESTED and len(where) > 1:
        return WANTED_BELOW[key].get(str(where[2]), "text") if len(where) > 2 else WANTED[key]
    return "text" if text and (len(where) > 1 or key not in WANTED) else WANTED.get(key, "text")


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return _unknown(error["loc"])
    return f"{'.'.join(map(str, error['loc']))}: {_expected(error)}"


def _no_values(data: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Keys with nothing behind them: for a model that would mean `left open`."""
    for key, value in data.items():
        if value is None and key in Description.model_fields:
            yield (key,)
        if key not in NESTED or not isinstance(value, dict):
            continue
        for name, one in value.items():
            known = NESTED[key].model_fields if isinstance(one, dict) else ()
            yield from ((key, name, part) for part in known if one.get(part, "") is None)


class _Loader(yaml.SafeLoader):
    """Takes each key as it is written: for YAML 1.1 `on` would be true, and so would `yes`."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = self.DEFAULT_SCALAR_TAG
        return super().construct_mapping(node, deep)


def _load(text: str, name: str) -> tuple[yaml.Node | None, Any]:
    try:
        return yaml.compose(text, yaml.SafeLoader), yaml.load(text, _Loader)  # noqa: S506 - a safe one
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(
            f"{name}:{line}: expected YAML, got what cannot be read: {error.problem}; "
            "mend it, `spotkiln check` tells when it is right"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(
            f"{name}: expected YAML, got what cannot be read: {error}; "
            "mend it, `spotkiln check` tells when it is right"
        ) from error


def read_manifest(content: bytes, name: str = FILE) -> Description:
    """What a spotkiln.yaml says; `name` is what it is called in errors.

    Raises:
        InputError: with every mistake, one in a line.
    """
    if len(content) > MOST_BYTES:
        raise InputError(f"{name}: expected at most {MOST_BYTES} bytes, got {len(content)}")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{name}:{line}: expected UTF-8, got other bytes; save it as UTF-8"
        ) from None
    node, data = _load(text, name)
    if node is None or data is None:
        return Description()
    if not isinstance(data, dict):
        raise InputError(f"{name}:{_line(node)}: expected keys with values, such as `port: 3000`")
    told = [*_twice(node, set()), *_mistakes(node, data)]
    if told:
        raise InputError("\n".join(f"{name}:{line}: {said}" for line, said in sorted(told)))
    return Description.model_validate(_tuples(data), strict=True)


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    """YAML's lists, and words of which one is chosen, as the model has them."""
    given = _chosen({str(k): tuple(v) if isinstance(v, list) else v for k, v in data.items()})
    processes = given.get("processes")
    if isinstance(processes, dict):
        given["processes"] = {
            name: _chosen(one) if isinstance(one, dict) else one for name, one in processes.items()
        }
    return given


def _chosen(keys: dict[str, Any]) -> dict[str, Any]:
    return {
        key: CHOICES[key](value)
        if key in CHOICES and isinstance(value, str) and value in set(CHOICES[key])
        else value
        for key, value in keys.items()
    }


def _mistakes(node: yaml.Node, data: dict[Any, Any]) -> list[tuple[int, str]]:
    given = _tuples(data)
    told = []
    for where in _no_values(given):
        may_be_empty = where[0] in {"dependencies", "build", "test_setup", "migrate"}
        empty = 'write "" for none' if may_be_empty else "give a value"
        text = f"{'.'.join(where)}: got nothing: {empty}, or leave the key out"
        told.append((_find(node, where), text))
    try:
        Description.model_validate(given, strict=True)
    except ValidationError as error:
        nothing = set(_no_values(given))
        mistakes = (one for one in error.errors() if one["loc"] not in nothing)
        told += [(_find(node, one["loc"]), _sentence(one)) for one in mistakes]
    return told
