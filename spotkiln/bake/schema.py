"""Schema: what editors know of spotkiln.yaml, as JSON Schema."""

from typing import Any

from spotkiln.bake.app import DEFAULTS
from spotkiln.bake.description import Description
from spotkiln.bake.keys import VARIABLES
from spotkiln.bake.paths import FOLDER, HEALTH_PATH
from spotkiln.bake.processes import NAME

FILE = "spotkiln.schema.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
# Of lists.
ITEMS = {
    "smoke": HEALTH_PATH,
    **dict.fromkeys(("migrate_writable", "mounts", "writable"), f"^{FOLDER}$"),
}
VARIABLE = "^[A-Za-z_][A-Za-z0-9_]*$"


def _key(name: str, field: dict[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in field.items() if key not in {"title", "default"}}
    if known.get("enum") == [True, False]:
        # As a choice of two it is for the form in the Prefect UI.
        known = {key: value for key, value in known.items() if key != "enum"} | {"type": "boolean"}
    known = _named(known)
    if name in VARIABLES:
        known["propertyNames"] = {"pattern": VARIABLE}
    if name in ITEMS:
        known["items"] = {"type": "string", "pattern": ITEMS[name]}
    default = DEFAULTS.model_dump(mode="json").get(name)
    if isinstance(default, int):
        # Of commands and variables each kind of application has its own.
        known["default"] = default
    return known


def _resolved(part: Any, definitions: dict[str, Any]) -> Any:
    """Without references: what is referred to stands in its place."""
    if isinstance(part, list):
        return [_resolved(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        own = {key: value for key, value in part.items() if key != "$ref"}
        target = definitions[part["$ref"].rpartition("/")[2]]
        return _resolved({**target, **own}, definitions)
    return {key: _resolved(value, definitions) for key, value in part.items()}


def _named(part: dict[str, Any]) -> dict[str, Any]:
    """Keys that people name themselves, of a part that has them, and what stands behind each."""
    if "additionalProperties" not in part or "properties" not in part["additionalProperties"]:
        return part
    below = part["additionalProperties"]
    keys = {
        name: {key: value for key, value in one.items() if key != "title"}
        for name, one in below["properties"].items()
    }
    return {
        **part,
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {
            **{key: value for key, value in below.items() if key not in {"title", "description"}},
            "properties": keys,
        },
    }


def schema() -> dict[str, Any]:
    """Of the whole file."""
    made = Description.model_json_schema()
    keys = _resolved(made["properties"], made.get("$defs", {}))
    return {
        "$schema": DRAFT,
        "title": "spotkiln.yaml",
        "description": "How an application is built, tested and started. What is left out is "
        "detected, or has a default.",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {name: _key(name, field) for name, field in keys.items()},
    }
