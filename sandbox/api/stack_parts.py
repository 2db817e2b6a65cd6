"""What stacks are made of: changed and deleted as CloudFormation does it. moto loses some of it.
What is deleted at all: stack_ends.py."""

import json
from collections.abc import Collection
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Stack
from moto.core.common_models import CloudFormationModel
from moto.elbv2.models import FakeListener, FakeListenerRule, FakeTargetGroup, elbv2_backends
from moto.iam.models import ManagedPolicy, Role, iam_backends

from sandbox.api.stack_rules import text_of

_update = parsing.parse_and_update_resource
_decide = parsing.parse_condition
_create_role = Role.create_from_cloudformation_json
_delete_role = Role.delete_from_cloudformation_json


class LinkedRole(CloudFormationModel):
    """moto makes no service-linked roles of stacks. One that is there already is refused, as IAM
    does it."""

    def __init__(self, role: Role) -> None:
        self._role = role

    @property
    def physical_resource_id(self) -> str:
        return str(self._role.name)

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::IAM::ServiceLinkedRole"

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "LinkedRole":
        del resource_name, region_name
        backend = iam_backends[account_id]["aws"]
        properties = cloudformation_json["Properties"]
        said = properties.get("Description", ""), properties.get("CustomSuffix", "")
        return cls(backend.create_service_linked_role(properties["AWSServiceName"], *said))

    def delete(self, account_id: str, region_name: str) -> None:
        del region_name
        iam_backends[account_id]["aws"].roles.pop(self._role.id, None)


def take_over() -> None:
    parsing.get_model_map()[LinkedRole.cloudformation_type()] = LinkedRole  # type: ignore[type-abstract]
    parsing.parse_condition = _decided  # type: ignore[assignment]
    parsing.parse_and_update_resource = _updated  # type: ignore[assignment]
    Stack.parameter_list = property(_parameters)  # type: ignore[method-assign, assignment]
    Stack.stack_resources = property(_resources)  # type: ignore[method-assign, assignment]
    kinds: dict[Any, Any] = {
        FakeTargetGroup: _group_updated,
        ManagedPolicy: _policy_updated,
        Role: _role_updated,
    }
    for kind, update in kinds.items():
        kind.update_from_cloudformation_json = update
    Role.create_from_cloudformation_json = _role_created  # type: ignore[method-assign]
    FakeTargetGroup.delete = _group_deleted  # type: ignore[attr-defined]
    FakeListener.delete = _listener_deleted  # type: ignore[attr-defined]
    FakeListenerRule.delete = _rule_deleted  # type: ignore[attr-defined]
    ManagedPolicy.delete = _policy_deleted  # type: ignore[attr-defined]
    Role.delete = _role_deleted  # type: ignore[attr-defined]


def _parameters(stack: Any) -> list[dict[str, str]]:
    """As they were typed: moto shows a list in Python's spelling."""
    resources = stack.resource_map
    return [
        {
            "ParameterKey": name,
            "ParameterValue": "****"
            if name in resources.no_echo_parameter_keys
            else ",".join(value)
            if isinstance(value, list)
            else str(value),
        }
        for name, value in resources.resolved_parameters.items()
    ]


def _decided(condition: Any, resources: Any, known: Any) -> bool:
    """What is compared is text, whatever the template has: to moto a number that is a default is
    not the same as one that is given."""
    if not isinstance(condition, dict) or "Fn::Equals" not in condition:
        return _decide(condition, resources, known)
    one, other = (text_of(parsing.clean_json(x, resources)) for x in condition["Fn::Equals"])
    return one == other


def _resources(stack: Any) -> list[Any]:
    """What it has made: moto lists what its conditions leave out, as resources without a name."""
    return [one for one in stack.resource_map.values() if one is not None]


def _updated(logical_id: str, resource_json: Any, resources_map: Any, **where: Any) -> Any:
    """What nobody knows how to change stays as it was: to moto it would be gone."""
    before = resources_map[logical_id]
    changed = _update(logical_id, resource_json, resources_map, **where)
    return before if changed is None else changed


def _group_updated(
    original_resource: Any, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
) -> FakeTargetGroup:
    properties = cloudformation_json["Properties"]
    found: FakeTargetGroup = elbv2_backends[account_id][region_name].modify_target_group(
        original_resource.arn,
        health_check_port=properties.get("HealthCheckPort"),
        health_check_path=properties.get("HealthCheckPath"),
        health_check_interval=properties.get("HealthCheckIntervalSeconds"),
        health_check_timeout=properties.get("HealthCheckTimeoutSeconds"),
        healthy_threshold_count=properties.get("HealthyThresholdCount"),
        unhealthy_threshold_count=properties.get("UnhealthyThresholdCount"),
    )
    return found


def _policy_updated(original_resource: Any, cloudformation_json: Any, **_: Any) -> ManagedPolicy:
    """The oldest version makes room, as CloudFormation does it."""
    policy: ManagedPolicy = original_resource
    if len(policy.versions) == 5:
        policy.versions.pop(0)
    document = json.dumps(cloudformation_json["Properties"]["PolicyDocument"])
    policy.backend.create_policy_version(policy.arn, document, set_as_default=True)
    return policy


def _role_created(
    resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
) -> Role:
    """With its managed policies, which moto leaves out."""
    role = _create_role(resource_name, cloudformation_json, account_id, region_name, **more)
    _attach(role, {}, cloudformation_json)
    return role


def _role_updated(original_resource: Any, cloudformation_json: Any, **_: Any) -> Role:
    role: Role = original_resource
    properties = cloudformation_json["Properties"]
    role.description = properties.get("Description", "")
    role.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"])
    for one in properties.get("Policies", ()):
        role.put_policy(one["PolicyName"], one["PolicyDocument"])
    _attach(role, role.managed_policies, cloudformation_json)
    return role


def _attach(role: Role, there: Collection[str], cloudformation_json: Any) -> None:
    """Its managed policies. `there`: ARNs of those that it has."""
    for arn in cloudformation_json["Properties"].get("ManagedPolicyArns", ()):
        if arn not in there:
            iam_backends[role.account_id]["aws"].attach_role_policy(arn, role.name)


def _group_deleted(group: FakeTargetGroup, account_id: str, region: str) -> None:
    elbv2_backends[account_id][region].delete_target_group(group.arn)


def _listener_deleted(listener: FakeListener, account_id: str, region: str) -> None:
    """It may be gone with its load balancer."""
    backend = elbv2_backends[account_id][region]
    if any(listener.arn in one.listeners for one in backend.load_balancers.values()):
        backend.delete_listener(listener.arn)


def _rule_deleted(rule: FakeListenerRule, account_id: str, region: str) -> None:
    elbv2_backends[account_id][region].delete_rule(rule.arn)


def _policy_deleted(policy: ManagedPolicy, account_id: str, _region: str) -> None:
    """It is detached first."""
    for role in iam_backends[account_id][policy.partition].roles.values():
        if policy.arn in role.managed_policies:
            policy.detach_from(role)
    policy.backend.delete_policy(policy.arn)


def _role_deleted(role: Role, account_id: str, region: str) -> None:
    for policy in list(role.managed_policies.values()):
        policy.detach_from(role)
    _delete_role(role.name, {}, account_id, region)
