"""Holds each answer of the sandbox's own operations against AWS's model of it.

botocore leaves out what it does not know of an answer, and misses nothing: what has another name,
or is not there, would be told by no test.
"""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.model import ListShape, OperationModel, Shape, StringShape, StructureShape

from sandbox.api.application_scaling import SandboxApplicationScaling
from sandbox.api.balancing import BalancingApi
from sandbox.api.fleets import FleetApi
from sandbox.api.images import ImageApi
from sandbox.api.instances import InstanceApi
from sandbox.api.listeners import ListenersApi
from sandbox.api.listings import ListingApi
from sandbox.api.logs import SandboxLogs
from sandbox.api.network import NetworkApi
from sandbox.api.scaling import SandboxAutoScaling
from sandbox.api.tags import TagApi
from sandbox.api.targets import SandboxElbv2
from sandbox.api.templates import TemplateApi
from sandbox.api.volumes import VolumeApi

OURS: dict[str, tuple[type, ...]] = {
    "ec2": (
        *(FleetApi, ImageApi, InstanceApi, ListingApi),
        *(NetworkApi, TagApi, TemplateApi, VolumeApi),
    ),
    "elbv2": (BalancingApi, ListenersApi, SandboxElbv2),
    "autoscaling": (SandboxAutoScaling,),
    "application-autoscaling": (SandboxApplicationScaling,),
    "logs": (SandboxLogs,),
    # Answered by the gateway.
    "pricing": (),
    "service-quotas": (),
}
# What stands around every answer of the query protocol.
ENVELOPE = {"ResponseMetadata", "requestId", "RequestId"}


def watch(client: Any) -> None:
    """From now on a call whose answer is not as AWS's model says raises AssertionError."""
    service = client.meta.service_model.service_name
    if service in OURS:
        client.meta.events.register(f"before-parse.{service}", _check)


def _check(operation_model: OperationModel, response_dict: dict[str, Any], **_more: Any) -> None:
    if response_dict["status_code"] >= 300 or not is_ours(operation_model):
        return
    found = list(differences(operation_model, response_dict["body"]))
    assert not found, f"{operation_model.name} is not as AWS has it: {'; '.join(found)}"


@cache
def _methods(service: str) -> frozenset[str]:
    return frozenset(name for each in OURS[service] for name in vars(each) if name[0] != "_")


def is_ours(operation: OperationModel) -> bool:
    service = operation.service_model.service_name
    own = OURS[service]
    return not own or xform_name(operation.name) in _methods(service)


def differences(operation: OperationModel, body: bytes) -> Iterator[str]:
    """What an answer has that the model does not, and the other way about."""
    shape = operation.output_shape
    if operation.service_model.protocol == "json":
        if shape is not None:
            yield from _json(shape, json.loads(body or b"{}"), "")
        return
    root = ET.fromstring(body)
    wrapper = shape.serialization.get("resultWrapper") if shape is not None else None
    found = root if wrapper is None else next((x for x in root if _tag(x) == wrapper), None)
    if shape is None or found is None:
        known = ENVELOPE | {f"{operation.name}Result", "return"}
        yield from (f"{_tag(one)} is unknown" for one in root if _tag(one) not in known)
    else:
        yield from _xml(shape, found, "")


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _xml(shape: Shape, element: ET.Element, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _structure(shape, element, path)
    elif isinstance(shape, ListShape):
        inner = shape.member.serialization.get("name", "member")
        for number, one in enumerate(element):
            if _tag(one) != inner:
                yield f"{path}: a list's element is called {_tag(one)}, not {inner}"
            yield from _xml(shape.member, one, f"{path}[{number}]")
    elif shape.type_name == "map":
        return
    else:
        yield from _value(shape, element.text or "", path)


def _structure(shape: StructureShape, element: ET.Element, path: str) -> Iterator[str]:
    members = {one.serialization.get("name", name): one for name, one in shape.members.items()}
    seen = set()
    for one in element:
        name = _tag(one)
        seen.add(name)
        if name not in members:
            if path or name not in ENVELOPE:
                yield f"{path}.{name} is unknown"
        else:
            yield from _xml(members[name], one, f"{path}.{name}")
    required = {
        shape.members[name].serialization.get("name", name) for name in shape.required_members
    }
    yield from (f"{path}.{name} is missing" for name in sorted(required - seen))


def _json(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        yield from _members(shape, value, path)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for number, one in enumerate(value):
            yield from _json(shape.member, one, f"{path}[{number}]")
    elif isinstance(shape, (StructureShape, ListShape)):
        yield f"{path} is {value!r}, not a {shape.type_name}"
    elif not isinstance(value, (dict, list)):
        yield from _value(shape, str(value), path)


def _members(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    there = {name: one for name, one in value.items() if one is not None}
    yield from (f"{path}.{name} is unknown" for name in value.keys() - shape.members.keys())
    yield from (f"{path}.{x} is missing" for x in shape.required_members if x not in there)
    for name in there.keys() & shape.members.keys():
        yield from _json(shape.members[name], there[name], f"{path}.{name}")


def _value(shape: Shape, text: str, path: str) -> Iterator[str]:
    if isinstance(shape, StringShape) and shape.enum and text not in shape.enum:
        yield f"{path} is {text!r}, which is none of {', '.join(shape.enum[:8])}"
    if shape.type_name == "boolean" and text.lower() not in ("true", "false"):
        yield f"{path} is {text!r}, not true or false"
    if shape.type_name in ("integer", "long") and not text.lstrip("-").isdigit():
        yield f"{path} is {text!r}, not a number"
