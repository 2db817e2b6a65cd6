"""What a fleet may do with its role. It launches by itself: nobody's credentials but the role's."""

from typing import Any

from moto.iam.models import iam_backends

from sandbox.rights.policy import decide
from sandbox.rights.roles import policies_of
from sandbox.state.records import ACCOUNT_ID

REGISTER = "elasticloadbalancing:RegisterTargets"
_LAUNCH = ("ec2:RunInstances", "ec2:TerminateInstances", "ec2:CreateTags")


def trouble(config: dict[str, Any], region: str) -> str:
    """Why no instance can be launched with the role; empty if one can. AWS's history says no more
    than that it is invalid; the right that is missing is the sandbox's own addition."""
    arn = str(config["IamFleetRole"])
    roles = {role.arn: role for role in iam_backends[ACCOUNT_ID]["aws"].roles.values()}
    if "spotfleet.amazonaws.com" not in str(
        getattr(roles.get(arn), "assume_role_policy_document", "")
    ):
        return f"{arn} is invalid"
    instances = f"arn:aws:ec2:{region}:{ACCOUNT_ID}:instance/*"
    for action in _LAUNCH:
        if not may(config, action, instances):
            return f"{arn} is invalid: it does not allow {action}"
    return ""


def may(config: dict[str, Any], action: str, resource: str) -> bool:
    policies = policies_of(str(config["IamFleetRole"])) or []
    return decide(policies, action, resource).word == "allowed"
