"""CloudFormation's functions in Terraform's words.

A value of the template becomes an expression; `filled` is that expression as an argument in
Terraform's JSON syntax.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

# Terraform's type of each resource, and the attribute that `Ref` stands for.
TYPES: dict[str, tuple[str, str]] = {
    "AWS::IAM::Role": ("aws_iam_role", "name"),
    "AWS::IAM::InstanceProfile": ("aws_iam_instance_profile", "name"),
    "AWS::IAM::ManagedPolicy": ("aws_iam_policy", "arn"),
    "AWS::IAM::Policy": ("aws_iam_role_policy", "id"),
    "AWS::IAM::ServiceLinkedRole": ("aws_iam_service_linked_role", "name"),
    "AWS::EC2::SecurityGroup": ("aws_security_group", "id"),
    "AWS::EC2::SecurityGroupIngress": ("aws_vpc_security_group_ingress_rule", "id"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("aws_lb_target_group", "arn"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("aws_lb", "arn"),
    "AWS::ElasticLoadBalancingV2::Listener": ("aws_lb_listener", "arn"),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("aws_lb_listener_rule", "arn"),
}
_ATTRIBUTES = {"Arn": "arn", "GroupId": "id", "DNSName": "dns_name"}
_PSEUDO = {
    "AWS::Region": "data.aws_region.here.name",
    "AWS::AccountId": "data.aws_caller_identity.here.account_id",
    "AWS::Partition": "data.aws_partition.here.partition",
    "AWS::URLSuffix": "data.aws_partition.here.dns_suffix",
    "AWS::NoValue": "null",
}
_NOTHING = {"Ref": "AWS::NoValue"}
_NAMED = re.compile(r"\$\{([^}]+)\}")


class Template:
    """What the expressions of one template may name."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._parameters = template["Parameters"]
        self._resources = template["Resources"]
        self.conditions: Mapping[str, Any] = template["Conditions"]

    def filled(self, value: Any) -> Any:
        """As an argument. What names nothing stays what it is."""
        if isinstance(value, str) and "${" not in value and "%{" not in value:
            return value
        if isinstance(value, bool | int):
            return value
        return f"${{{self.expression(value)}}}"

    def document(self, value: Mapping[str, Any]) -> str:
        """A policy, which AWS takes as text."""
        return f"${{jsonencode({self.expression(value)})}}"

    def expression(self, value: Any) -> str:
        """Raises ValueError: a function that the template did not use until now."""
        if isinstance(value, str):
            return _quoted(value)
        if isinstance(value, bool | int):
            return json.dumps(value)
        if isinstance(value, list | tuple):
            return f"[{', '.join(self.expression(one) for one in value)}]"
        if len(value) == 1:
            name, given = next(iter(value.items()))
            if name in ("Ref", "Condition") and isinstance(given, str):
                return f"local.{given}" if name == "Condition" else self.named(given)
            if name.startswith("Fn::"):
                return self._function(name, given)
        return self._object(value)

    def named(self, name: str) -> str:
        """A parameter, a resource, its attribute (`Resource.Attribute`), or a word of AWS's."""
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._parameters:
            return f"var.{name}"
        resource, _, attribute = name.partition(".")
        made = self._resources[resource]
        kind, own = TYPES[made["Type"]]
        wanted = _ATTRIBUTES[attribute] if attribute else own
        # With a condition there is one of it or none: then this is null.
        where = f"{kind}.{resource}"
        return f"one({where}[*].{wanted})" if "Condition" in made else f"{where}.{wanted}"

    def _object(self, value: Mapping[str, Any]) -> str:
        """Terraform wants both results of a choice to be of one type, so what may be missing is
        read from text."""
        may_be_missing = {key: one for key, one in value.items() if _is_optional(one)}
        always = ", ".join(
            f"{json.dumps(key)} = {self.expression(one)}"
            for key, one in value.items()
            if key not in may_be_missing
        )
        rest = "".join(
            f", jsondecode(local.{condition} ? jsonencode({{{json.dumps(key)} = "
            f'{self.expression(one)}}}) : "{{}}")'
            for key, choice in may_be_missing.items()
            for condition, one, _ in (choice["Fn::If"],)
        )
        return f"merge({{{always}}}{rest})" if rest else f"{{{always}}}"

    def _function(self, name: str, given: Any) -> str:
        if name == "Fn::Equals":
            return f"{self.expression(given[0])} == {self.expression(given[1])}"
        if name == "Fn::Not":
            return f"!({self.expression(given[0])})"
        if name == "Fn::And":
            return " && ".join(f"({self.expression(one)})" for one in given)
        if name == "Fn::If":
            condition, yes, no = given
            both = f"jsonencode({self.expression(yes)}) : jsonencode({self.expression(no)})"
            return f"jsondecode(local.{condition} ? {both})"
        if name == "Fn::GetAtt":
            return self.named(".".join(given))
        if name == "Fn::Split":
            return f"split({json.dumps(given[0])}, {self.expression(given[1])})"
        if name == "Fn::Select":
            return f"{self.expression(given[1])}[{given[0]}]"
        if name == "Fn::Sub":
            text, more = (given, {}) if isinstance(given, str) else given
            return self._substituted(text, more)
        raise ValueError(f"no word of Terraform's is known here for {name}")

    def _substituted(self, text: str, more: Mapping[str, Any]) -> str:
        """`more` are names that only this text has."""
        parts, names = _NAMED.split(text)[::2], _NAMED.split(text)[1::2]
        found = _quoted(parts[0])[1:-1]
        for name, part in zip(names, parts[1:], strict=True):
            value = self.expression(more[name]) if name in more else self.named(name)
            found += f"${{{value}}}{_quoted(part)[1:-1]}"
        return f'"{found}"'


def _is_optional(value: Any) -> bool:
    return isinstance(value, Mapping) and (value.get("Fn::If") or [None])[-1] == _NOTHING


def _quoted(text: str) -> str:
    """A dollar or percent sign before a brace is Terraform's own."""
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")
