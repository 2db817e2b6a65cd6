"""What a fleet may do with its role. It launches by itself: nobody's credentials but the role's."""

from collections.abc import Iterable
from typing import Any

from moto.iam.models import iam_backends

from sandbox.fleets.pools import Pool
from sandbox.rights.asked import passed
from sandbox.rights.conditions import Context
from sandbox.rights.ec2 import EC2
from sandbox.rights.policy import decide
from sandbox.rights.roles import policies_of
from sandbox.rights.world import World
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


def may_not_hand_on(config: dict[str, Any], pools: Iterable[Pool], world: World) -> str:
    """Why the servers cannot get the role in their instance profile; empty if they can."""
    profiles = [pool.launch.get("IamInstanceProfile") or {} for pool in pools]
    for role in dict.fromkeys(world.role_in(dict(one)) for one in profiles if one):
        # A profile that is missing, or has no role, is found out at the launch.
        for asked in passed(world, role, EC2) if role else ():
            if not may(config, asked.action, asked.resource, asked.context):
                arn = config["IamFleetRole"]
                return f"{arn} is invalid: it does not allow {asked.action} on {role}"
    return ""


def may(config: dict[str, Any], action: str, resource: str, context: Context | None = None) -> bool:
    policies = policies_of(str(config["IamFleetRole"])) or []
    return decide(policies, action, resource, context).word == "allowed"
