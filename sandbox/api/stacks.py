"""CloudFormation's stacks, where moto leaves them half done."""

from typing import Any

from moto.cloudformation.models import CloudFormationBackend

_execute = CloudFormationBackend.execute_change_set


def complete() -> None:
    """A stack that a change set has made has parameters and outputs: moto knows them only of one
    that was made without."""
    CloudFormationBackend.execute_change_set = _executed  # type: ignore[method-assign, assignment]


def _executed(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    _execute(backend, change_set_name, stack_name)
    for change_set in backend.change_sets.values():
        if change_set_name in (change_set.change_set_id, change_set.change_set_name):
            stack = change_set.stack
            stack.parameters = change_set.parameters
            stack._parse_template()
            stack.output_map = stack._create_output_map()
