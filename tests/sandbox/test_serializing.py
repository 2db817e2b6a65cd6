"""The names that moto looks for are the same when they are remembered."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from moto.core.model import Shape
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.core.utils import get_service_model

from sandbox.api import serializing


class Instance:
    pass


class TargetGroup:
    class Meta:
        serialization_aliases: ClassVar = {"TargetGroupName": "title"}


def members(shape: Shape | None, seen: set[str]) -> Iterator[tuple[str, Shape]]:
    """As moto meets them, with their parents; each structure once."""
    if shape is None or shape.name in seen:
        return
    seen.add(shape.name)
    if shape.type_name == "list":
        yield from members(shape.member, seen)  # type: ignore[attr-defined]
    if shape.type_name == "structure":
        for key, one in shape.members.items():  # type: ignore[attr-defined]
            one.parent = shape
            yield key, one
            yield from members(one, seen)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("ec2", "DescribeInstances"),
        ("ec2", "DescribeSpotFleetRequests"),
        ("elbv2", "DescribeTargetGroups"),
        ("autoscaling", "DescribeAutoScalingGroups"),
        ("iam", "GetRole"),
    ],
)
def test_the_same_names_in_the_same_order(service: str, name: str) -> None:
    model: Any = get_service_model(service).operation_model(name)
    picker = XFormedAttributePicker()
    objects: list[Any] = [{}, Instance(), TargetGroup()]
    compared = 0
    for key, shape in members(model.output_shape, set()):
        for obj in objects * 2:
            context = AttributePickerContext(
                obj=obj,
                key=key,
                shape=shape,
                operation_model=model,
                service_model=model.service_model,
            )
            there = list(serializing.worked_out(picker, context))
            assert list(serializing.remembered(picker, context)) == list(dict.fromkeys(there))
            compared += 1
    assert compared > 20
