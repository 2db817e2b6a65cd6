"""A spotkiln.yaml in the making, as `spotkiln init` writes it: what was detected, with reasons."""

import yaml

from spotkiln.bake.app import DEFAULTS
from spotkiln.bake.description import Description
from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.keys import FOLLOWS, MAY_BE_NONE
from spotkiln.noun import Noun

HEAD = """\
# How this application is built, tested and started. Read at each commit that is released.
# What is left out is detected at each release, or has a default: `spotkiln check` tells which.
"""
UNKNOWN = (
    "# It is no kind of application that is known here: begin with `build`, `test` and `start`.\n"
)
# Never empty: a new file should say what its target group must fit.
ALWAYS = ("port",)


def _line(key: str, value: object) -> str:
    if isinstance(value, dict):
        value = {
            name: one.model_dump(mode="json", exclude_unset=True) if isinstance(one, Noun) else one
            for name, one in value.items()
        }
    text: str = yaml.safe_dump({key: value}, width=10_000, allow_unicode=True, sort_keys=False)
    return text


def _key(key: str, detected: Detected) -> str:
    """A key with its reason; empty if there is nothing to say of it."""
    if found := detected.find(key):
        return f"# {found.why}\n{_line(key, found.value)}"
    if why := detected.missing.get(key):
        return f"# Not known: {why}\n# {key}:\n"
    if one := next((one for one in detected.suggested if one.key == key), None):
        lines = f"{one.why}. To take it:\n{_line(key, one.value)}".splitlines()
        return "".join(f"# {line}\n" for line in lines)
    if key == "lock" and detected.no_layer and detected.find("dependencies"):
        return f"# No layer: {detected.no_layer}\n# lock:\n"
    default = getattr(DEFAULTS, key)
    if key in ALWAYS or (default is None and key not in {*FOLLOWS, *MAY_BE_NONE}):
        line = f"# {key}:\n" if default is None else _line(key, default)
        return f"# {Description.model_fields[key].description}\n{line}"
    return ""


def new_manifest(detected: Detected, schema: str = "") -> str:
    """The file's text. `schema` is where its JSON Schema is, for editors."""
    head = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    head += HEAD
    head += f"# Detected: {detected.kind}.\n" if detected.kind else UNKNOWN
    if detected.needs:
        head += f"# The base image must have {', '.join(map(str, detected.needs))}.\n"
    head += "".join(f"# Look at {one}.\n" for one in detected.warned)
    keys = (_key(key, detected) for key in Description.model_fields)
    return "\n".join([head, *(text for text in keys if text)])
