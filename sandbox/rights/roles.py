"""The policies of a role, as moto keeps them. The caller holds the account's lock."""

import json
from typing import Any

from moto.iam.models import iam_backends

from sandbox.state.records import ACCOUNT_ID


def policies_of(arn: str) -> list[str] | None:
    """The documents of a role, by its ARN; None if it is not there or is no role's."""
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    role = next((one for one in iam.roles.values() if one.arn == arn), None)
    return None if role is None else documents(role)


def policies_of_name(name: str) -> list[str]:
    """A role that is gone has none."""
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    role = next((one for one in iam.roles.values() if one.name == name), None)
    return [] if role is None else documents(role)


def documents(one: Any) -> list[str]:
    """Of its own and attached policies, of a role, a user or a group, as JSON."""
    attached = [
        version.document
        for policy in one.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    own = one.policies
    found = [*(own.values() if isinstance(own, dict) else own), *attached]
    return [x if isinstance(x, str) else json.dumps(x) for x in found]
