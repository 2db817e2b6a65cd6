"""Security groups: refuses what EC2 refuses and moto accepts, and tells what moto forgets."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    DependencyViolationError,
    EC2ClientError,
    InvalidSecurityGroupNotFoundError,
)
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.vpcs import VPCs

from sandbox.api.base import SandboxApi
from sandbox.compute.networks import open_default_group


def complete() -> None:
    """The description of a rule that names another group is that group's in moto's books, and is
    not told."""
    SecurityGroupRule.description = property(_description)  # type: ignore[method-assign, assignment]


def _description(rule: SecurityGroupRule) -> str | None:
    described: dict[str, str] = rule.ip_range or rule.source_group
    return described.get("Description")


class NetworkApi(SandboxApi, SecurityGroups, VPCs):
    def create_vpc(self) -> ActionResult:
        made = VPCs.create_vpc(self)
        found: Any = made.result
        open_default_group(self.ec2_backend, found["Vpc"].id)
        return made

    def delete_security_group(self) -> ActionResult:
        name_or_id = self.value("GroupId") or self.value("GroupName", "")
        group = self.ec2_backend.get_security_group_by_name_or_id(name_or_id)
        if group is not None and group.name == "default":
            raise EC2ClientError(
                "CannotDelete",
                f'the specified group: "{group.id}" name: "default" cannot be deleted by a user',
            )
        if group is not None and self._used(group.id):
            raise DependencyViolationError(f"resource {group.id} has a dependent object")
        return super().delete_security_group()

    def describe_security_group_references(self) -> ActionResult:
        """From networks that peer with this one: none do."""
        self.error_on_dryrun()
        for one in self.value("GroupId", []):
            if self.ec2_backend.get_security_group_from_id(one) is None:
                raise InvalidSecurityGroupNotFoundError(one)
        return ActionResult({"SecurityGroupReferenceSet": []})

    def _used(self, group_id: str) -> bool:
        """Whether a living instance or a load balancer has the group."""
        interfaces = self.ec2_backend.enis.values()
        balancers = self.engine.account.elbv2.load_balancers.values()
        return any(group_id in [group.id for group in eni.group_set] for eni in interfaces) or any(
            group_id in (balancer.security_groups or []) for balancer in balancers
        )
