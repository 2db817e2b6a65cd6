"""Roles of machines that the account has at the start beside those of its stacks, and the instance
profiles of the same names."""

import json
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends

from sandbox.engine.account_settings import ROLE_PATH
from sandbox.engine.server_rights import statements
from sandbox.state.records import ACCOUNT_ID

FLEET_POLICY = "AmazonEC2SpotFleetTaggingRole"
# AWS's own policies that machines and fleets usually have. There are a thousand more.
MANAGED = (
    FLEET_POLICY,
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy",
)
# Roles of machines beside those of the stacks, and the environment whose configuration each of them
# may read.
ENVIRONMENTS = {"website": "production", "website-staging": "staging", "image-test": "test"}


def load_managed() -> None:
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    for managed in _managed():
        iam.managed_policies[managed.arn] = managed


def create_profiles() -> None:
    """Those that no stack has made."""
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    there = {role.name for role in iam.roles.values()}
    for name, environment in ENVIRONMENTS.items():
        if name not in there:
            _role(iam, name)
            document = {"Version": "2012-10-17", "Statement": statements(environment)}
            iam.put_role_policy(name, "server", json.dumps(document))
            iam.create_instance_profile(name=name, path=ROLE_PATH, role_names=[], tags=[])
            iam.add_role_to_instance_profile(name, name)


@cache
def _managed() -> list[AWSManagedPolicy]:
    every = json.loads(aws_managed_policies_data)
    return [AWSManagedPolicy.from_data(one, ACCOUNT_ID, "aws", every[one]) for one in MANAGED]


def _role(iam: Any, name: str) -> None:
    principal = {"Service": "ec2.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam.create_role(
        role_name=name,
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        path=ROLE_PATH,
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
    )
