"""What CloudFormation refuses before it makes or changes anything of a stack: parameters that the
template does not allow, and those that do not go together. moto takes all."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.parsing import ResourceMap
from moto.ec2.models import ec2_backends

from sandbox.api import stack_rules

_VPC, _SUBNETS = "AWS::EC2::VPC::Id", "List<AWS::EC2::Subnet::Id>"

_create = CloudFormationBackend.create_stack
_update = CloudFormationBackend.update_stack


def take_over() -> None:
    """Of change sets: change_sets.py."""
    CloudFormationBackend.create_stack = _created  # type: ignore[method-assign, assignment]
    CloudFormationBackend.update_stack = _updated  # type: ignore[method-assign, assignment]


def refused(text: str) -> ValidationError:
    return ValidationError(message=text)


def check(backend: Any, name: str, template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises ValidationError for what CloudFormation refuses at once of a stack of that name."""
    _check(backend, template.get("Parameters") or {}, {k: _typed(v) for k, v in given.items()})
    try:
        stack_rules.check(template, _values(backend, name, template, given))
    except stack_rules.RuleError as error:
        raise refused(str(error)) from error


def _created(backend: Any, name: str, template: str, parameters: Any, **more: Any) -> Any:
    if name not in [one.name for one in backend.stacks.values()]:
        check(backend, name, template_of(template), parameters)
    return _create(backend, name=name, template=template, parameters=parameters, **more)


def _updated(backend: Any, name: str, template: str, parameters: Any, **more: Any) -> Any:
    stack = backend.get_stack(name)
    given = backend._resolve_update_parameters(instance=stack, incoming_params=parameters)
    check(backend, stack.name, template_of(template or stack.template), given)
    return _update(backend, name=name, template=template, parameters=parameters, **more)


def template_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = Stack.parse_template(text)
    return found


def _typed(value: Any) -> str:
    """As somebody types it: one that is taken over from before may be a list, or a number."""
    return ",".join(value) if isinstance(value, list) else str(value)


def _values(
    backend: Any, name: str, template: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Of parameters and pseudo parameters, as Rules see them."""
    typed = {key: _typed(value) for key, value in given.items()}
    resources: Any = ResourceMap(
        "", name, typed, {}, backend.region_name, backend.account_id, dict(template), {}
    )
    resources.load_parameters()
    found = {**resources._parsed_resources, **resources.resolved_parameters}
    for key, slot in (template.get("Parameters") or {}).items():
        # moto takes no list of a default apart.
        kind = str(slot.get("Type"))
        if (kind == "CommaDelimitedList" or "List<" in kind) and isinstance(found[key], str):
            found[key] = found[key].split(",") if found[key] else []
        if isinstance(found[key], list):
            found[key] = [str(one).strip() for one in found[key]]
    return found


def _check(backend: Any, slots: Mapping[str, Any], given: Mapping[str, str]) -> None:
    lacking = [one for one in slots if one not in given and "Default" not in slots[one]]
    if lacking:
        raise refused(f"Parameters: [{', '.join(lacking)}] must have values")
    if unknown := [one for one in given if one not in slots]:
        raise refused(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    for name, value in given.items():
        pattern, allowed = slots[name].get("AllowedPattern"), slots[name].get("AllowedValues")
        if pattern and not re.fullmatch(pattern, value):
            why = slots[name].get("ConstraintDescription") or f"must match pattern {pattern}"
            raise refused(f"Parameter {name} failed to satisfy constraint: {why}")
        if allowed and value not in [_typed(one) for one in allowed]:
            told = ", ".join(_typed(one) for one in allowed)
            raise refused(f"Parameter '{name}' must be one of AllowedValues: {told}")
        for missing in _not_there(backend, slots[name]["Type"], value):
            raise refused(
                f"Parameter validation failed: parameter value {missing} for parameter name {name} "
                "does not exist"
            )


def _not_there(backend: Any, kind: str, value: str) -> Iterator[str]:
    ec2: Any = ec2_backends[backend.account_id][backend.region_name]
    if kind == _VPC and value not in ec2.vpcs:
        yield value
    if kind == _SUBNETS:
        there = {subnet for zone in ec2.subnets.values() for subnet in zone}
        yield from (one for one in value.split(",") if one not in there)
