"""The role that a deployment's account is entered by, with credentials that are renewed in time."""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError

from spotkiln import patterns
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.start.deployment import ROLE_ARN

# What AWS's records of calls name it by.
SESSION_NAME = "spotkiln"
# The longest that AWS allows where the worker has a role itself. They are renewed before that.
SECONDS = 3600
# What may stand in the environment of a worker, and would come before a profile.
OWN = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    # A web identity, as in a pod of EKS: the SDK of Packer 1.6.6 takes it before any profile.
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
)
# The same under another name, for the process that asks for the role's credentials.
KEPT = "SPOTKILN_SOURCE_"
PROFILE = "spotkiln-role"
# Beside the role's own ARN.
EXTERNAL_ID = "SPOTKILN_EXTERNAL_ID"


class Role(Noun):
    """Without an ARN none is assumed, and the worker's own credentials are used."""

    arn: str = ""
    external_id: str = ""

    def __bool__(self) -> bool:
        return bool(self.arn)


def wanted(variables: Mapping[str, str]) -> Role:
    """
    Raises:
        InputError: it is no role, or nothing that AWS takes.
    """
    arn, external_id = variables.get(ROLE_ARN, ""), variables.get(EXTERNAL_ID, "")
    if arn and not re.fullmatch(patterns.ROLE, arn):
        raise InputError(f"expected the ARN of a role in {ROLE_ARN}, got {arn!r}")
    if external_id and not arn:
        raise InputError(f"{EXTERNAL_ID} is set, and {ROLE_ARN} is not: set both, or none of them")
    most = patterns.MOST_OF_EXTERNAL_ID
    fits = re.fullmatch(patterns.EXTERNAL_ID, external_id) and len(external_id) <= most
    if external_id and not fits:
        raise InputError(
            f"expected 2 to {most} letters, digits and any of +=,.@:/- in {EXTERNAL_ID}"
        )
    return Role(arn=arn, external_id=external_id)


def fetcher(role: Role, region: str) -> AssumeRoleCredentialFetcher:
    """
    Raises:
        NoCredentialsError: there are none to assume it with.
    """
    source = botocore.session.get_session()
    credentials = source.get_credentials()
    if credentials is None:
        raise NoCredentialsError

    def create(service: str, **given: Any) -> Any:
        return source.create_client(service, region_name=region, **given)

    external = {"ExternalId": role.external_id} if role.external_id else {}
    return AssumeRoleCredentialFetcher(
        create,
        credentials,
        role.arn,
        extra_args={"RoleSessionName": SESSION_NAME, "DurationSeconds": SECONDS, **external},
    )


def session(role: Role, region: str) -> boto3.session.Session:
    """Its clients have the role's rights, renewed as often as need be; without a role those of the
    default chain.

    Raises:
        NoCredentialsError, ClientError: the role cannot be assumed.
    """
    if not role:
        return boto3.session.Session(region_name=region)
    own = botocore.session.get_session()
    credentials = DeferredRefreshableCredentials(
        refresh_using=fetcher(role, region).fetch_credentials, method="assume-role"
    )
    # Now, and not at some call in the middle: whoever may not assume it is told at once.
    credentials.get_frozen_credentials()
    # botocore's own way to the same is by its config file alone.
    own._credentials = credentials  # type: ignore[attr-defined]
    return boto3.session.Session(botocore_session=own, region_name=region)


def environment(role: Role, region: str, folder: Path) -> dict[str, str | None]:
    """What a program of others, such as Packer, needs to call AWS in that role; None: a variable
    that it must not have. It asks us for credentials, again whenever they end. `folder`: the run's
    own, where a file for it is written, without a secret.
    """
    if not role:
        return {}
    command = [sys.executable, "-P", "-m", "spotkiln.aws.credentials"]
    command += [role.arn, region, *([role.external_id] if role.external_id else [])]
    file = folder / "aws-config"
    file.write_text(
        f"[profile {PROFILE}]\nregion = {region}\ncredential_process = {shlex.join(command)}\n"
    )
    hidden: dict[str, str | None] = dict.fromkeys(OWN)
    kept = {KEPT + name: os.environ[name] for name in OWN if name in os.environ}
    profile = {
        "AWS_PROFILE": PROFILE,
        "AWS_CONFIG_FILE": str(file),
        # For the AWS SDK of Packer 1.6.6.
        "AWS_SDK_LOAD_CONFIG": "1",
    }
    return {**hidden, **kept, **profile}


def source(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment that was before `environment`."""
    rest = {key: value for key, value in variables.items() if key not in OWN}
    given = {key.removeprefix(KEPT): rest.pop(key) for key in [*rest] if key.startswith(KEPT)}
    return {**rest, **given}
