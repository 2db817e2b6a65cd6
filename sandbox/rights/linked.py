"""Service-linked roles: AWS makes them for whoever may, when a service of its needs one for the
first time. The caller holds the account's lock."""

import json
from collections.abc import Mapping
from typing import Any

from moto.iam.exceptions import IAMException
from moto.iam.models import IAMBackend, Role, iam_backends

from sandbox.rights.asked import About, Asked, on
from sandbox.rights.world import World
from sandbox.state.records import ACCOUNT_ID

SCALING, SPOT = "autoscaling.amazonaws.com", "spot.amazonaws.com"
SPOT_FLEET, EC2_FLEET = "spotfleet.amazonaws.com", "ec2fleet.amazonaws.com"
OF_FLEETS = "ec2.application-autoscaling.amazonaws.com"
NAMES = {
    SCALING: "AWSServiceRoleForAutoScaling",
    SPOT: "AWSServiceRoleForEC2Spot",
    SPOT_FLEET: "AWSServiceRoleForEC2SpotFleet",
    EC2_FLEET: "AWSServiceRoleForEC2Fleet",
    OF_FLEETS: "AWSServiceRoleForApplicationAutoScaling_EC2SpotFleet",
}
_WHAT = {SPOT: "EC2 Spot Instances", SPOT_FLEET: "EC2 Spot Fleet", EC2_FLEET: "EC2 Fleet"}


class TakenError(IAMException):
    code = "InvalidInput"


_make_in_moto = IAMBackend.create_service_linked_role


def used(service: str, operation: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The services whose roles a call needs."""
    if operation == "CreateAutoScalingGroup" and not parameters.get("ServiceLinkedRoleARN"):
        return (SCALING,)
    if operation == "RequestSpotFleet":
        return (SPOT_FLEET,)
    if operation == "RunInstances":
        market = parameters.get("InstanceMarketOptions") or {}
        return (SPOT,) if market.get("MarketType") == "spot" else ()
    if operation == "CreateFleet":
        target = parameters.get("TargetCapacitySpecification") or {}
        spot = target.get("DefaultTargetCapacityType") == "spot"
        return (EC2_FLEET, SPOT) if spot else (EC2_FLEET,)
    registers = (service, operation) == ("application-autoscaling", "RegisterScalableTarget")
    return (OF_FLEETS,) if registers and parameters.get("ServiceNamespace") == "ec2" else ()


def is_there(service: str) -> bool:
    roles: Any = iam_backends[ACCOUNT_ID]["aws"].roles.values()
    return any(role.name == NAMES[service] for role in roles)


def asked(world: World, service: str) -> Asked:
    """The right to make it."""
    arn = f"arn:aws:iam::{world.account_id}:role/aws-service-role/{service}/{NAMES[service]}"
    about = About(arn, "role", more={"iam:AWSServiceName": service})
    return on(world, "iam", "CreateServiceLinkedRole", [about])[0]


def refusal(service: str, text: str) -> tuple[str, str]:
    """Code and words. `text`: those of IAM."""
    if service in _WHAT:
        told = f"permission to create the service-linked role for {_WHAT[service]}."
        code = "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
        return code, f"The provided credentials do not have {told}"
    if service == SCALING:
        whose = "The default Service-Linked Role for Auto Scaling could not be created"
        return "AccessDenied", f"{whose}: {text}"
    return "ValidationException", text


def make(service: str) -> Role:
    principal = {"Service": service}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    found: Role = iam.create_role(
        NAMES[service],
        json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        f"/aws-service-role/{service}/",
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
        linked_service=service,
    )
    return found


def take_over() -> None:
    """CreateServiceLinkedRole gives them AWS's names, each once."""

    def create(backend: IAMBackend, service_name: str, description: str, suffix: str) -> Role:
        if service_name not in NAMES:
            return _make_in_moto(backend, service_name, description, suffix)
        if is_there(service_name):
            raise TakenError(
                f"Service role name {NAMES[service_name]} has been taken in this account, please "
                "try a different suffix.",
            )
        found = make(service_name)
        found.description = description
        return found

    IAMBackend.create_service_linked_role = create  # type: ignore[method-assign, assignment]
