"""Schema: what editors know of spotkiln.yaml, as JSON Schema."""

from typing import Any

from spotkiln.bake.app import DEFAULTS
from spotkiln.bake.description import FOLDER, HEALTH_PATH, VARIABLES, Description

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
    if name in VARIABLES:
        known["propertyNames"] = {"pattern": VARIABLE}
    if name in ITEMS:
        known["items"] = {"type": "string", "pattern": ITEMS[name]}
    default = DEFAULTS.model_dump(mode="json").get(name)
    if isinstance(default, int):
        # Of commands and variables each kind of application has its own.
        known["default"] = default
    return known


def schema() -> dict[str, Any]:
    """Of the whole file."""
    keys = Description.model_json_schema()["properties"]
    return {
        "$schema": DRAFT,
        "title": "spotkiln.yaml",
        "description": "How an application is built, tested and started. What is left out is "
        "detected, or has a default.",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {name: _key(name, field) for name, field in keys.items()},
    }
