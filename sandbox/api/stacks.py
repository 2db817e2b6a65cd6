"""CloudFormation's stacks: what moto leaves half done or takes unseen, and groups whose instances
have machines."""

from typing import Any, ClassVar

import yaml
from moto.autoscaling.models import FakeAutoScalingGroup
from moto.cloudformation.models import CloudFormationBackend, Event
from moto.cloudformation.utils import yaml_tag_constructor
from moto.core.exceptions import ServiceException
from moto.elbv2.models import ELBv2Backend

from sandbox.api import change_sets, stack_ends, stack_parameters, stack_parts
from sandbox.api.listeners import check_conditions
from sandbox.engine.engine import Engine
from sandbox.rights import linked

_execute = CloudFormationBackend.execute_change_set
_create_rule = ELBv2Backend.create_rule


def complete() -> None:
    """A stack that a change set has made has parameters and outputs: moto knows them only of one
    that was made without. It reads each template several times: in C, a twentieth of the time."""
    yaml.add_multi_constructor("", yaml_tag_constructor, yaml.CLoader)
    yaml.Loader = yaml.CLoader  # type: ignore[assignment, misc]
    CloudFormationBackend.execute_change_set = _executed  # type: ignore[method-assign, assignment]
    change_sets.take_over()
    stack_parameters.take_over()
    linked.take_over()
    stack_parts.take_over()
    stack_ends.take_over()
    ELBv2Backend.create_rule = _rule_created  # type: ignore[method-assign, assignment]


def take_over(engine: Engine) -> None:
    """Auto Scaling groups of stacks are the sandbox's: moto's have no machines."""

    def create(
        name: str, resource: dict[str, Any], _account: str, _region: str, **_more: Any
    ) -> StackGroup:
        engine.scaling_groups.create(_as_asked(name, resource["Properties"]))
        return StackGroup(name)  # type: ignore[abstract]

    StackGroup.engine = engine
    FakeAutoScalingGroup.create_from_cloudformation_json = create  # type: ignore[method-assign, assignment]
    FakeAutoScalingGroup.update_from_cloudformation_json = _updated  # type: ignore[method-assign, assignment]


class StackGroup(FakeAutoScalingGroup):
    """An Auto Scaling group as its stack knows it: nothing of moto's but its kind, and its name
    alone is kept for the next sandbox."""

    engine: ClassVar[Engine]

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        return self.name

    def delete(self, account_id: str, region_name: str) -> None:
        """Its instances end as time passes."""
        del account_id, region_name
        if self.name in self.engine.account.state.scaling_groups:
            self.engine.scaling_groups.delete(self.name, force=True)

    def change(self, properties: dict[str, Any]) -> None:
        self.engine.scaling_groups.update(_as_asked(self.name, properties))


def _updated(
    original_resource: StackGroup, cloudformation_json: dict[str, Any], **_more: Any
) -> StackGroup:
    original_resource.change(cloudformation_json["Properties"])
    return original_resource


def _as_asked(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """As CreateAutoScalingGroup has it: templates write numbers as text, and subnets as a list."""
    subnets = properties.get("VPCZoneIdentifier")
    asked = {**properties, "AutoScalingGroupName": name}
    if isinstance(subnets, list):
        asked["VPCZoneIdentifier"] = ",".join(subnets)
    for key in ("MinSize", "MaxSize", "DesiredCapacity", "HealthCheckGracePeriod"):
        if key in asked:
            asked[key] = int(asked[key])
    return asked


def _rule_created(
    backend: Any, listener_arn: str, conditions: list[dict[str, Any]], *args: Any, **kwargs: Any
) -> Any:
    """A stack's rule, as one that is asked for."""
    check_conditions(conditions)
    return _create_rule(backend, listener_arn, conditions, *args, **kwargs)


def _executed(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    found = [
        one
        for one in backend.change_sets.values()
        if change_set_name in (one.change_set_id, one.change_set_name)
    ]
    if found and (name := change_sets.refused_replacement(found[-1])):
        _refuse_replacement(found[-1].stack, name)
        return
    try:
        _execute(backend, change_set_name, stack_name)
    except ServiceException as error:
        if not found:
            raise
        _undo(found[-1].stack, found[-1].change_set_type, str(error.message))
        return
    for change_set in found:
        stack = change_set.stack
        stack.parameters = change_set.parameters
        stack._parse_template()
        stack.output_map = stack._create_output_map()


def _refuse_replacement(stack: Any, name: str) -> None:
    """As CloudFormation does it: what has a name of its own would be there twice."""
    there: Any = stack.resource_map[name]
    event = Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=name,
        physical_resource_id=there.physical_resource_id,
        resource_type=stack.resource_map._resource_json_map[name]["Type"],
        resource_status="UPDATE_FAILED",
        resource_status_reason="CloudFormation cannot update a stack when a custom-named resource "
        f"requires replacing. Rename {there.physical_resource_id} and update the stack again.",
        resource_properties=None,
    )
    stack._add_stack_event("UPDATE_IN_PROGRESS", resource_status_reason="User Initiated")
    stack.events.append(event)
    _end_undone(stack, "UPDATE", "The following resource(s) failed to update: [" + name + "].")


def _undo(stack: Any, kind: str, why: str) -> None:
    """Who has asked is told nothing: the stack has failed. What an update had changed stays so."""
    stack._add_stack_event(f"{kind}_FAILED", resource_status_reason=why)
    _end_undone(stack, kind)


def _end_undone(stack: Any, kind: str, why: str | None = None) -> None:
    rolled_back = "ROLLBACK" if kind == "CREATE" else "UPDATE_ROLLBACK"
    stack._add_stack_event(f"{rolled_back}_IN_PROGRESS", resource_status_reason=why)
    if kind == "CREATE":
        stack_ends.undo(stack.resource_map)
    stack._add_stack_event(f"{rolled_back}_COMPLETE")
    stack.status = f"{rolled_back}_COMPLETE"
