"""Whether an instance may make a call, by the policies of its role.

Only calls that are signed with the credentials of an instance's role are judged. The owner of the
sandbox may do everything, and so may the keys and sessions that the owner makes.
"""

import json
from typing import Any

from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.wrappers import Response

from sandbox.api import errors
from sandbox.api.policy import decide
from sandbox.api.resources import resources
from sandbox.faults.calls import Call
from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID


class Rights:
    """The caller holds the account's lock."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def refusal(self, call: Call, key_id: str) -> Response | None:
        """AWS's refusal of this call; None if it may be carried out. Notes who called."""
        instance_id = self._account.state.role_keys.get(key_id)
        if instance_id is None:
            return None
        call.caller = instance_id
        if call.service == "sts" and call.operation == "GetCallerIdentity":
            return None  # everybody may ask who they are
        key = self._account.state.instances[instance_id].role_key
        assert key is not None, "its key is known"
        action, policies = f"{call.service}:{call.operation}", _policies(key.role)
        user = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{key.role}/{instance_id}"
        for resource in self._resources(call):
            decision = decide(policies, action, resource)
            if decision != "allowed":
                because = (
                    "with an explicit deny in an identity-based policy"
                    if decision == "denied"
                    else f"because no identity-based policy allows the {action} action"
                )
                text = f"User: {user} is not authorized to perform: {action}"
                return errors.denied(call.service, f"{text} on resource: {resource} {because}")
        return None

    def _resources(self, call: Call) -> list[str]:
        return resources(call.service, call.operation, call.parameters, self._arn, self._secret_arn)

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self._account.region}:{ACCOUNT_ID}:{rest}"

    def _secret_arn(self, secret_id: str) -> str:
        """A secret that does not exist counts by its name: it has no random end."""
        known: Any = secretsmanager_backends[ACCOUNT_ID][self._account.region].secrets
        if secret_id in known:
            return str(known[secret_id].arn)
        arn = secret_id.startswith("arn:")
        return secret_id if arn else self._arn("secretsmanager", f"secret:{secret_id}")


def policies_of(arn: str) -> list[dict[str, Any]] | None:
    """The documents of a role, by its ARN; None if it is not there or is no role's."""
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    role = next((one for one in iam.roles.values() if one.arn == arn), None)
    return None if role is None else _policies(role.name)


def _policies(role_name: str) -> list[dict[str, Any]]:
    """The documents of a role's own and attached policies. A role that is gone has none."""
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    role = next((one for one in iam.roles.values() if one.name == role_name), None)
    if role is None:
        return []
    attached = [
        version.document
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    documents = [*role.policies.values(), *attached]
    return [json.loads(one) if isinstance(one, str) else one for one in documents]
