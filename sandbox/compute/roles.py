"""The role that an instance has by its instance profile, and the credentials it signs with."""

import secrets
import string
from typing import Any

from moto.ec2.models.instances import Instance
from moto.iam.models import iam_backends

from sandbox.machines.protocol import RoleKey
from sandbox.state.records import ACCOUNT_ID

_LETTERS = string.ascii_uppercase + "234567"


def make_role_key(instance: Instance) -> RoleKey | None:
    """New credentials, as long as AWS's; None for an instance that has no role."""
    profile: Any = instance.iam_instance_profile
    role = _role_in(profile["Arn"]) if profile else None
    if role is None:
        return None
    return RoleKey(
        role=role,
        key_id="ASIA" + "".join(secrets.choice(_LETTERS) for _ in range(16)),
        secret=secrets.token_urlsafe(30),
        token=secrets.token_urlsafe(200),
    )


def _role_in(profile_arn: str) -> str | None:
    profiles: Any = iam_backends[ACCOUNT_ID]["aws"].instance_profiles.values()
    roles = [role.name for one in profiles if one.arn == profile_arn for role in one.roles]
    return roles[0] if roles else None
