"""The account's template as text: CloudFormation takes 51,200 characters in one call."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

# What is shorter than that stands in one place, without a line for each of its parts: indented as
# usual, the whole would be too long.
SHORT = 200
WIDTH = 100


class _Dumper(yaml.SafeDumper):
    pass


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    found = dumper.represent_mapping("tag:yaml.org,2002:map", value.items())
    found.flow_style = _is_short(value)
    return found


def _sequence(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    found = dumper.represent_sequence("tag:yaml.org,2002:seq", value)
    found.flow_style = _is_short(value)
    return found


_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _sequence)


def _is_short(value: Any) -> bool:
    return len(json.dumps(value)) < SHORT


def in_yaml(template: Mapping[str, Any]) -> str:
    """CloudFormation takes no aliases, which YAML writes where a value is one and the same: so
    it is copied first."""
    copy = json.loads(json.dumps(template))
    return yaml.dump(copy, Dumper=_Dumper, sort_keys=False, width=WIDTH).rstrip()
