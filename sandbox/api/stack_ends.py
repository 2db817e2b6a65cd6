"""What a stack keeps when it is deleted, when a template leaves it out, and when its making is
undone: its DeletionPolicy. moto knows Retain alone, and only at the end of a stack."""

from collections.abc import Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Event, Stack

_RETAIN, _ON_CREATE = "Retain", "RetainExceptOnCreate"
_delete = parsing.ResourceMap._delete_resource
_delete_all = parsing.ResourceMap.delete
_end = Stack.delete


def take_over() -> None:
    parsing.ResourceMap._delete_resource = _deleted  # type: ignore[method-assign, assignment]
    Stack.delete = _ended  # type: ignore[method-assign, assignment]


def undo(resources: Any) -> None:
    """Of a stack whose making has failed: Retain alone keeps what it had made."""
    resources.undone = True
    try:
        _delete_all(resources)
    finally:
        resources.undone = False


def keeps(resource: Mapping[str, Any]) -> bool:
    """Whether a stack that was made leaves it in the account."""
    return resource.get("DeletionPolicy") in (_RETAIN, _ON_CREATE)


def _deleted(resources: Any, resource: Any, resource_json: Any) -> None:
    """Once: it is not there any more when its stack goes. One that is kept is the stack's no
    more."""
    if getattr(resources, "undone", False) or not keeps(resource_json):
        _delete(resources, resource, resource_json)
    resources._parsed_resources[resource.logical_resource_id] = None


def _ended(stack: Any) -> None:
    resources = stack.resource_map
    for name, one in resources._resource_json_map.items():
        made = resources._parsed_resources.get(name)
        if keeps(one) and made is not None:
            resources._parsed_resources[name] = None
            stack.events.append(_skipped(stack, name, one["Type"], made))
    _end(stack)


def _skipped(stack: Any, name: str, kind: str, made: Any) -> Event:
    return Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=name,
        physical_resource_id=made.physical_resource_id,
        resource_type=kind,
        resource_status="DELETE_SKIPPED",
        resource_status_reason=None,
        resource_properties=None,
    )
