"""Keys of disks: whether whoever launches servers may use the KMS key of their disks.

With a key of the user's own that the service's role may not use, each instance ends as soon as it
is launched, with Client.InternalError. So it is looked at before anything is spent.
"""

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from spotkiln.errors import InputError

# What a grant must allow, or a statement of the key's policy: either leads to the other rights.
NEEDED = {"CreateGrant", "Decrypt", "GenerateDataKeyWithoutPlaintext"}
GRANTS = ("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "CreateGrant",
          "DescribeKey", "ReEncryptFrom", "ReEncryptTo")  # fmt: skip


def allowed_by_grant(grants: Iterable[Mapping[str, Any]], role: str) -> bool:
    """Source: KMS ListGrants."""
    return any(
        one.get("GranteePrincipal") == role and set(one.get("Operations") or []) >= NEEDED
        for one in grants
    )


def allowed_by_policy(policy: str, role: str) -> bool:
    """Whether a statement of the key's policy (KMS GetKeyPolicy) names the role, and allows it to
    make grants. One for the whole account does not count: the policies of a service's own role say
    nothing of keys."""
    return bool({role, "*"} & _may_grant(policy))


class OfWorker(StrEnum):
    """What a key's policy says of whoever launches the machines that bake: it names it, it leaves
    it to the account's own policies, or neither."""

    NAMED = "named"
    LEFT_TO_IAM = "left to IAM"
    NOT_ALLOWED = "not allowed"


def of_worker(policy: str, caller: str) -> OfWorker:
    """`caller`: the ARN of the credentials, as STS tells it. A session's does not have the path of
    its role."""
    account = caller.split(":")[4]
    _, assumed, session = caller.partition(":assumed-role/")
    ends = f"/{session.partition('/')[0]}" if assumed else caller
    named = _may_grant(policy)
    if "*" in named or any(one.endswith(ends) and f":{account}:" in one for one in named):
        return OfWorker.NAMED
    whole = account in named or any(one.endswith(f":{account}:root") for one in named)
    return OfWorker.LEFT_TO_IAM if whole else OfWorker.NOT_ALLOWED


def _may_grant(policy: str) -> set[str]:
    """The principals that may make grants, whatever the conditions."""
    statements = json.loads(policy).get("Statement", [])
    return {
        principal
        for one in (statements if isinstance(statements, list) else [statements])
        if one.get("Effect") == "Allow" and _creates_grants(_listed(one.get("Action", [])))
        for principal in _listed(_principals(one))
    }


def _principals(statement: Mapping[str, Any]) -> Any:
    found = statement.get("Principal", [])
    return found.get("AWS", []) if isinstance(found, dict) else found


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _creates_grants(actions: Iterable[str]) -> bool:
    return bool({"kms:*", "*", "kms:CreateGrant", "kms:Create*"} & set(actions))


def require_enabled(key: str, state: str) -> None:
    """`state`: as KMS DescribeKey tells it.

    Raises:
        InputError: nothing can be encrypted by it now.
    """
    if state != "Enabled":
        raise InputError(
            f"the KMS key {key} of the servers' disks is {state}: enable it, or name another in "
            "fleet.disk.kms_key"
        )


def workers_refusal(key: str, caller: str) -> InputError:
    """Of a key whose policy neither names whoever bakes nor leaves it to the account, with what to
    do."""
    return InputError(
        f"the base image is encrypted by the KMS key {key}, whose policy neither names {caller} "
        "nor leaves that to the account's own policies: each machine that bakes would end as soon "
        "as it is launched. Allow its role kms:CreateGrant, kms:Decrypt, kms:DescribeKey, "
        "kms:GenerateDataKeyWithoutPlaintext and kms:ReEncrypt* in the key's policy; "
        "`spotkiln docs images` says more"
    )


def refusal(key: str, role: str, launcher: str) -> InputError:
    """Of a key that the role may not use, with what to do."""
    return InputError(
        f"disks are encrypted by the KMS key {key}, which {launcher} may not use "
        f"(role {role}): each machine would end as soon as it is launched. Grant it: aws kms "
        f"create-grant --key-id {key} --grantee-principal {role} --operations {' '.join(GRANTS)}"
    )
