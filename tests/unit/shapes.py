"""Checks a request against botocore's own service model: names, types, required, enums."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator


@cache
def _service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def problems(service: str, operation: str, parameters: Mapping[str, Any]) -> list[str]:
    """What AWS's model says is wrong with a call's parameters; empty if nothing is."""
    shape = _service(service).operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(parameters, shape).generate_report()
    return [*report.splitlines(), *_enums(shape, parameters, operation)]


def _enums(shape: Shape, value: Any, where: str) -> list[str]:
    """botocore itself lets any string pass where an enum is expected."""
    if isinstance(shape, StructureShape):
        return [
            problem
            for name, part in value.items()
            if name in shape.members
            for problem in _enums(shape.members[name], part, f"{where}.{name}")
        ]
    if isinstance(shape, ListShape):
        return [problem for part in value for problem in _enums(shape.member, part, where)]
    allowed = shape.metadata.get("enum")
    return [f"{where}: {value!r}"] if allowed and value not in allowed else []
