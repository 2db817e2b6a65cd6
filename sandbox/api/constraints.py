"""What AWS's own model says of a parameter: the values it may have, its length, its size.

Clients check some of this themselves and leave the rest to AWS; moto checks a part.
"""

from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, Shape, StringShape, StructureShape
from werkzeug.wrappers import Response

from sandbox.api import errors, model
from sandbox.faults.calls import Call

_SERVICES = {"ec2", "elasticloadbalancing", "autoscaling"}
# Checked where it is used: a Spot fleet has another error for it.
_NOT = {"InstanceType"}


def refusal(call: Call) -> Response | None:
    shape = _input(call.service, call.operation) if call.service in _SERVICES else None
    broken = next(_broken(shape, call.parameters, ""), None) if shape else None
    if broken is None:
        return None
    path, value, text = broken
    if call.service == "ec2":
        text = f"Value ({value}) for parameter {path} is invalid. It must {text}."
        return errors.error("ec2", "InvalidParameterValue", text, 400)
    text = (
        f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: "
        f"Member must {text}"
    )
    return errors.error(call.service, "ValidationError", text, 400)


def _input(service: str, operation: str) -> Shape | None:
    found = model.operation(service, operation)
    return found.input_shape if found else None


def _broken(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    """Path, value and what it must be, of each part that may not be as it is."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, inner in value.items():
            if inner is not None and name in shape.members:
                below = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
                yield from _broken(shape.members[name], inner, below)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _broken(shape.member, inner, f"{path}.{number}.member")
    elif shape.name not in _NOT and (text := _must(shape, value)):
        yield path, value, text


def _must(shape: Shape, value: Any) -> str:
    """What a single value must be and is not; empty if it is."""
    known = shape.enum if isinstance(shape, StringShape) else []
    if known and value not in known:
        return f"satisfy enum value set: [{', '.join(known)}]"
    number = shape.type_name in ("integer", "long") and not isinstance(value, bool)
    if not number and not isinstance(value, str):
        return ""
    size, what = (int(value), "value") if number else (len(value), "length")
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        return f"have {what} greater than or equal to {least}"
    if most is not None and size > most:
        return f"have {what} less than or equal to {most}"
    return ""
