"""Which attributes moto looks for on an object, remembered.

For each member of each structure in an answer moto works out the names under which a Python object
might have it. That took a fifth of the sandbox's processor time, and depends on classes and names
alone.
"""

from typing import Any

from moto.core.serialize import AttributePickerContext, XFormedAttributePicker

worked_out = XFormedAttributePicker.get_possible_keys
_KNOWN: dict[Any, tuple[str, ...]] = {}


def remembered(picker: XFormedAttributePicker, context: AttributePickerContext) -> tuple[str, ...]:
    shape = context.shape
    parent = getattr(shape, "parent", None)
    asked = (
        type(context.obj),
        context.key,
        None if context.service_model is None else context.service_model.service_name,
        None if shape is None else (shape.name, shape.type_name, shape.serialization.get("name")),
        None if parent is None else (parent.name, parent.type_name),
    )
    found = _KNOWN.get(asked)
    if found is None:
        # The first one counts; to look for a name twice finds nothing more.
        found = _KNOWN[asked] = tuple(dict.fromkeys(worked_out(picker, context)))
    return found


def take_over() -> None:
    XFormedAttributePicker.get_possible_keys = remembered  # type: ignore[method-assign, assignment]
