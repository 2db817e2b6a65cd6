"""The roles that the account has at the start, and the instance profiles of the same names."""

import json
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends

from sandbox.engine.server_rights import one_by_one, statements
from sandbox.rights import linked
from sandbox.state.records import ACCOUNT_ID

FLEET_ROLE = "aws-ec2-spot-fleet-tagging-role"
FLEET_POLICY = "AmazonEC2SpotFleetTaggingRole"
# AWS's own policies that machines and fleets usually have. There are a thousand more.
MANAGED = (
    FLEET_POLICY,
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy",
)
INSTANCE_PROFILE = "website"
# The roles of machines, and the environment whose configuration each of them may read.
ENVIRONMENTS = {INSTANCE_PROFILE: "production", "website-staging": "staging", "image-test": "test"}


def create_roles() -> None:
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    for managed in _managed():
        iam.managed_policies[managed.arn] = managed
    for service in (linked.SCALING, linked.SPOT, linked.SPOT_FLEET, linked.EC2_FLEET):
        linked.make(service)
    _role(iam, FLEET_ROLE, "spotfleet")
    (of_fleets,) = [one.arn for one in _managed() if one.name == FLEET_POLICY]
    iam.attach_role_policy(of_fleets, FLEET_ROLE)
    for name, environment in ENVIRONMENTS.items():
        _role(iam, name, "ec2")
        for policy, of in (("server", statements), ("parameters-by-name", one_by_one)):
            document = {"Version": "2012-10-17", "Statement": of(environment)}
            iam.put_role_policy(name, policy, json.dumps(document))
        iam.create_instance_profile(name=name, path="/", role_names=[], tags=[])
        iam.add_role_to_instance_profile(name, name)


@cache
def _managed() -> list[AWSManagedPolicy]:
    every = json.loads(aws_managed_policies_data)
    return [AWSManagedPolicy.from_data(one, ACCOUNT_ID, "aws", every[one]) for one in MANAGED]


def _role(iam: Any, name: str, service: str) -> None:
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam.create_role(
        role_name=name,
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        path="/",
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
    )
