"""Elastic Load Balancing's operations on rules and target groups: refuses what AWS refuses and moto
accepts, and keeps what is in use in step with the rules."""

import re
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import (
    ELBClientError,
    ListenerNotFoundError,
    LoadBalancerNotFoundError,
    RuleNotFoundError,
    TargetGroupNotFoundError,
    TooManyTagsError,
)
from moto.elbv2.models import FakeAction
from moto.elbv2.responses import ELBV2Response

from sandbox.balancing import forward
from sandbox.engine.engine import Engine

# AWS's own limits: of a load balancer's rules, of what a resource carries, of a rule's priority.
MOST_RULES = 100
MOST_TAGS = 50
MOST_DESCRIBED = 20
MOST_PRIORITY = 50000
# Letters alone behind the last dot, and a dot there must be.
HOST = re.compile(r"[A-Za-z0-9*?._-]*\.[A-Za-z*?]+")
# What a group of the same name has to share, for the call to be the same once more.
SAME = {
    "Protocol": "protocol",
    "Port": "port",
    "VpcId": "vpc_id",
    "HealthCheckPath": "health_check_path",
    "HealthCheckPort": "health_check_port",
}


def check_conditions(conditions: list[dict[str, Any]]) -> None:
    """moto takes any host name. Raises ELBClientError: AWS would not."""
    for one in conditions:
        config = one.get("HostHeaderConfig") or {}
        hosts = [*(one.get("Values") or []), *(config.get("Values") or [])]
        for host in hosts if one.get("Field") == "host-header" else ():
            if not HOST.fullmatch(host):
                raise ELBClientError(
                    "ValidationError",
                    f"The 'host-header' value '{host}' contains invalid characters",
                )


class ListenersApi(ELBV2Response):
    engine: ClassVar[Engine]

    # -- rules --

    def create_rule(self) -> ActionResult:
        listener = self._listener(self._get_param("ListenerArn"))
        balancer = self.elbv2_backend.load_balancers[listener.load_balancer_arn]
        rules = [x for one in balancer.listeners.values() for x in one.rules.values()]
        if sum(not one.is_default for one in rules) >= MOST_RULES:
            raise ELBClientError(
                "TooManyRules",
                f"The maximum number of rules on load balancer '{balancer.arn}' has been reached",
            )
        self._check_priority(int(self._get_param("Priority")))
        check_conditions(self._get_param("Conditions", []))
        self._check_association(listener.load_balancer_arn, self._actions("Actions"))
        return self._after(super().create_rule())

    def modify_rule(self) -> ActionResult:
        arn = self._get_param("RuleArn")
        (rule,) = self.elbv2_backend.describe_rules(None, [arn])
        if rule.is_default:
            raise ELBClientError(
                "OperationNotPermitted", f"Default rule '{arn}' cannot be modified"
            )
        check_conditions(self._get_param("Conditions", []))
        listener = self._listener(rule.listener_arn)
        self._check_association(listener.load_balancer_arn, self._actions("Actions"))
        return self._after(super().modify_rule())

    def describe_rules(self) -> ActionResult:
        """By priority; moto tells them as they were made."""
        for balancer in self.elbv2_backend.load_balancers.values():
            for listener in balancer.listeners.values():
                found = listener._non_default_rules
                for rule in sorted(found.values(), key=lambda one: int(one.priority)):
                    found[rule.arn] = found.pop(rule.arn)
        return super().describe_rules()

    def delete_rule(self) -> ActionResult:
        arn = self._get_param("RuleArn")
        found = self._rules().get(arn)
        if found is None:
            raise RuleNotFoundError(f"Rule '{arn}' not found")
        if found.is_default:
            raise ELBClientError("OperationNotPermitted", f"Default rule '{arn}' cannot be deleted")
        result = super().delete_rule()
        self.elbv2_backend.tagging_service.delete_all_tags_for_resource(arn)
        return self._after(result)

    def _actions(self, parameter: str) -> list[dict[str, Any]]:
        """Those of the call; from now on they are as AWS tells them. moto checks weights nowhere,
        and of a listener that is modified nothing at all."""
        actions: list[dict[str, Any]] = self._get_param(parameter, []) or []
        forward.check(self.elbv2_backend, actions)
        self.elbv2_backend._validate_actions([FakeAction(dict(one)) for one in actions])
        for action in actions:
            action.update(forward.as_aws_has_it(action))
        return actions

    def _check_priority(self, priority: int) -> None:
        if not 1 <= priority <= MOST_PRIORITY:
            raise ELBClientError(
                "ValidationError",
                f"1 validation error detected: Value '{priority}' at 'priority' failed to satisfy "
                f"constraint: Member must have value between 1 and {MOST_PRIORITY}",
            )

    def _check_association(self, balancer: str, actions: list[dict[str, Any]]) -> None:
        """A target group is behind one load balancer at most."""
        for arn in _groups_of(actions):
            group = self.elbv2_backend.target_groups.get(arn)
            if group and set(group.load_balancer_arns) - {balancer}:
                raise ELBClientError(
                    "TargetGroupAssociationLimit",
                    f"The following target groups cannot be associated with more than one load "
                    f"balancer: {arn}",
                )

    # -- listeners --

    def create_listener(self) -> ActionResult:
        balancer = str(self._get_param("LoadBalancerArn"))
        self._check_association(balancer, self._actions("DefaultActions"))
        return self._after(super().create_listener())

    def modify_listener(self) -> ActionResult:
        listener = self._listener(self._get_param("ListenerArn"))
        self._check_association(listener.load_balancer_arn, self._actions("DefaultActions"))
        return self._after(super().modify_listener())

    def delete_listener(self) -> ActionResult:
        return self._after(super().delete_listener())

    def delete_load_balancer(self) -> ActionResult:
        return self._after(super().delete_load_balancer())

    def _listener(self, arn: str) -> Any:
        for balancer in self.elbv2_backend.load_balancers.values():
            if found := balancer.listeners.get(arn):
                return found
        raise ListenerNotFoundError

    def _rules(self) -> dict[str, Any]:
        return {
            rule.arn: rule
            for balancer in self.elbv2_backend.load_balancers.values()
            for listener in balancer.listeners.values()
            for rule in listener.rules.values()
        }

    def _after(self, result: ActionResult) -> ActionResult:
        """moto remembers for ever that a load balancer has once forwarded to a target group."""
        balancers = self.elbv2_backend.load_balancers
        used: dict[str, list[str]] = {}
        for arn, balancer in balancers.items():
            for listener in balancer.listeners.values():
                actions = [x.data for x in listener.default_actions]
                for rule in listener.rules.values():
                    actions += [x.data for x in rule.actions]
                for group in _groups_of(actions):
                    used.setdefault(group, []).append(arn)
        for arn, there in self.elbv2_backend.target_groups.items():
            there.load_balancer_arns = list(dict.fromkeys(used.get(arn, [])))
        self.engine.account.wake()
        return result

    # -- target groups --

    def create_target_group(self) -> ActionResult:
        """The same once more is no error, and makes nothing."""
        name = str(self._get_param("Name"))
        if name.startswith("internal-"):
            raise ELBClientError(
                "ValidationError", f"Target group name '{name}' cannot begin with 'internal-'"
            )
        known = (x for x in self.elbv2_backend.target_groups.values() if x.name == name)
        there = next(known, None)
        if there is not None and self._is_same(there):
            return ActionResult({"TargetGroups": [there]})
        return super().create_target_group()

    def _is_same(self, group: Any) -> bool:
        asked = {own: self._get_param(key) for key, own in SAME.items()}
        return all(
            value is None or str(value) == str(getattr(group, own)) for own, value in asked.items()
        )

    def delete_target_group(self) -> ActionResult:
        """One that is not there is no error."""
        arn = self._get_param("TargetGroupArn")
        if arn not in self.elbv2_backend.target_groups:
            return ActionResult({})
        result = super().delete_target_group()
        self.elbv2_backend.tagging_service.delete_all_tags_for_resource(arn)
        self.engine.account.wake()
        return result

    # -- tags --

    def add_tags(self) -> ActionResult:
        """moto allows fewer than AWS does."""
        added = {one["Key"] for one in self._get_param("Tags", [])}
        tagging = self.elbv2_backend.tagging_service
        for arn in self._get_param("ResourceArns", []):
            self._require(arn)
            if len(tagging.get_tag_dict_for_resource(arn).keys() | added) > MOST_TAGS:
                raise TooManyTagsError
        for arn in self._get_param("ResourceArns", []):
            tagging.tag_resource(arn, self._get_param("Tags", []))
        return ActionResult({})

    def describe_tags(self) -> ActionResult:
        """Of all that is named, or of nothing."""
        if len(self._get_param("ResourceArns", [])) > MOST_DESCRIBED:
            raise ELBClientError(
                "ValidationError",
                f"Cannot have more than {MOST_DESCRIBED} resources described",
            )
        for arn in self._get_param("ResourceArns", []):
            self._require(arn)
        return super().describe_tags()

    def _require(self, arn: str) -> None:
        if ":targetgroup/" in arn:
            if arn not in self.elbv2_backend.target_groups:
                raise TargetGroupNotFoundError
        elif ":listener-rule/" in arn:
            if arn not in self._rules():
                raise RuleNotFoundError(f"One or more rules not found: '{arn}'")
        elif ":listener/" in arn:
            self._listener(arn)
        elif arn not in self.elbv2_backend.load_balancers:
            raise LoadBalancerNotFoundError


def _groups_of(actions: list[dict[str, Any]]) -> list[str]:
    """The ARNs of the target groups that actions forward to."""
    found = []
    for one in actions:
        found.append(one.get("TargetGroupArn"))
        several = (one.get("ForwardConfig") or {}).get("TargetGroups") or []
        found += [x.get("TargetGroupArn") for x in several]
    return [arn for arn in found if arn]
