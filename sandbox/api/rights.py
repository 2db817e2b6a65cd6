"""Whether whoever signed a call may make it.

The owner of the sandbox may do everything. A role's session, an instance's role and a user may do
what their policies allow, as at AWS.
"""

import base64
import json
import uuid
import zlib
from collections import Counter
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from werkzeug.wrappers import Response

from sandbox.api import errors
from sandbox.faults.calls import Call
from sandbox.rights import linked, others, roles
from sandbox.rights.asked import Asked
from sandbox.rights.policy import Decision, decide
from sandbox.rights.world import World
from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID


class Principal(NamedTuple):
    """`name`: of its role or user; `arn`: as STS tells it."""

    name: str
    arn: str
    policies: tuple[str, ...]


class Judged(NamedTuple):
    """One right that was asked for, as the report counts it."""

    principal: str
    action: str
    resource: str
    decision: Decision


class Rights:
    """The caller holds the account's lock."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._world = World(account)
        # What was asked for, how often.
        self._judged: Counter[Judged] = Counter()

    def refusal(self, call: Call, key_id: str, told: str = "") -> Response | None:
        """AWS's refusal of this call; None if it may be carried out. Notes who called. `told`: who
        another region's sandbox says that calls, as `caller` has it. It signs as the owner: nobody
        else may say so."""
        principal = self._principal(key_id)
        if told and principal is None:
            principal = _from_text(told)
        call.caller = self._account.state.role_keys.get(key_id, call.caller)
        if call.operation == "AssumeRole" and not trusts(call.parameters):
            who = principal.arn if principal else f"arn:aws:iam::{ACCOUNT_ID}:root"
            about = f"on resource: {call.parameters.get('RoleArn')}"
            text = f"User: {who} is not authorized to perform: sts:AssumeRole {about}"
            return errors.denied("sts", text)
        if principal is not None and (refused := self._not_allowed(call, principal)):
            return refused
        if call.parameters.get("DryRun"):
            return None
        for service in linked.used(call.service, call.operation, call.parameters):
            if not linked.is_there(service):
                refused = self._make_linked(call, service, principal)
                if refused is not None:
                    return refused
        return None

    def _not_allowed(self, call: Call, principal: Principal) -> Response | None:
        for asked in others.asked(self._world, call.service, call.operation, call.parameters):
            decision = self._decide(principal, asked)
            if decision.word != "allowed":
                return _refused(call.service, principal, asked, decision)
        return None

    def _make_linked(
        self, call: Call, service: str, principal: Principal | None
    ) -> Response | None:
        """AWS makes the service's role on behalf of whoever may do so themselves."""
        if principal is not None:
            asked = linked.asked(self._world, service)
            decision = self._decide(principal, asked)
            if decision.word != "allowed":
                code, text = linked.refusal(service, _why(principal, asked, decision))
                return errors.error(call.service, code, text, 403)
        linked.make(service)
        return None

    def _decide(self, principal: Principal, asked: Asked) -> Decision:
        decision = decide(principal.policies, asked.action, asked.resource, asked.context)
        self._note(principal, asked, decision)
        return decision

    def report(self) -> dict[str, Any]:
        """By role or user: each right that was asked for, which statements allowed it, how often;
        and those that were refused."""
        found: dict[str, Any] = {}
        for one, count in self._judged.items():
            mine = found.setdefault(one.principal, {"allowed": [], "refused": []})
            row = {"action": one.action, "resource": one.resource, "count": count}
            if one.decision.word == "allowed":
                mine["allowed"].append({**row, "by": sorted(one.decision.by)})
            else:
                mine["refused"].append({**row, "missing": sorted(one.decision.missing)})
        return found

    def forget(self) -> None:
        self._judged.clear()

    def _note(self, principal: Principal, asked: Asked, decision: Decision) -> None:
        allowed = decision.word == "allowed"
        # Each name of its own would be a line of its own, for hours.
        resource = _kind(asked.resource) if allowed else asked.resource
        self._judged[Judged(principal.name, asked.action, resource, decision)] += 1

    def caller(self, key_id: str) -> str:
        """Who calls with this key, for the sandbox of another region of this account: that one
        knows nothing of roles here. Empty for the owner."""
        with self._account.lock:
            principal = self._principal(key_id)
        return json.dumps(principal) if principal else ""

    def _principal(self, key_id: str) -> Principal | None:
        """None for the sandbox's owner."""
        instance_id = self._account.state.role_keys.get(key_id)
        if instance_id is not None:
            key = self._account.state.instances[instance_id].role_key
            assert key is not None, "its key is known"
            return _session(key.role, instance_id)
        assumed = sts_backends[ACCOUNT_ID]["aws"].get_assumed_role_from_access_key(key_id)
        if assumed is not None:
            return _session(assumed.role_arn.rpartition("/")[2], assumed.session_name)
        return _user(key_id)


def _from_text(told: str) -> Principal:
    name, arn, policies = json.loads(told)
    return Principal(name, arn, tuple(policies))


def _session(role: str, name: str) -> Principal:
    arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{name}"
    return Principal(role, arn, tuple(roles.policies_of_name(role)))


def _user(key_id: str) -> Principal | None:
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    for user in iam.users.values():
        if any(one.access_key_id == key_id for one in user.access_keys):
            groups = [one for one in iam.groups.values() if user in one.users]
            own = [x for one in (user, *groups) for x in roles.documents(one)]
            return Principal(user.name, user.arn, tuple(own))
    return None


def trusts(parameters: dict[str, Any]) -> bool:
    """Whether the role lets in who says this. Who it is that says it, is not looked at."""
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    arn = str(parameters.get("RoleArn"))
    role = next((one for one in iam.roles.values() if one.arn == arn), None)
    if role is None:
        return False
    trust = json.loads(role.assume_role_policy_document)
    stated = trust["Statement"]
    for one in stated if isinstance(stated, list) else [stated]:
        one["Resource"] = "*"
        one.pop("Principal", None)
    said = parameters.get("ExternalId")
    context = {"sts:externalid": (str(said),)} if said else {}
    whole = json.dumps({"Version": "2012-10-17", "Statement": stated})
    return decide([whole], "sts:AssumeRole", arn, context).word == "allowed"


def _why(who: Principal, asked: Asked, decision: Decision) -> str:
    because = (
        "with an explicit deny in an identity-based policy"
        if decision.word == "denied"
        else f"because no identity-based policy allows the {asked.action} action"
    )
    return (
        f"User: {who.arn} is not authorized to perform: {asked.action} "
        f"on resource: {asked.resource} {because}"
    )


def _refused(service: str, who: Principal, asked: Asked, decision: Decision) -> Response:
    text = _why(who, asked, decision)
    if service != "ec2":
        return errors.denied(service, text)
    encoded = _encoded(who, asked, decision)
    text = f"You are not authorized to perform this operation. {text}. "
    return errors.denied(service, f"{text}Encoded authorization failure message: {encoded}")


def _encoded(who: Principal, asked: Asked, decision: Decision) -> str:
    """What STS would decode (DecodeAuthorizationMessage), packed but not encrypted."""
    told = {
        "allowed": False,
        "explicitDeny": decision.word == "denied",
        "matchedStatements": sorted(decision.by),
        "missingContextKeys": sorted(decision.missing),
        "context": {
            "principal": {"arn": who.arn},
            "action": asked.action,
            "resource": asked.resource,
            "conditions": {key: list(value) for key, value in asked.context.items()},
        },
    }
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(told).encode())).decode()


def decode(parameters: dict[str, Any]) -> Response:
    """STS's DecodeAuthorizationMessage, of what was encoded here."""
    try:
        packed = base64.urlsafe_b64decode(str(parameters.get("EncodedMessage", "")))
        text = zlib.decompress(packed).decode()
    except (ValueError, zlib.error):
        code = "InvalidAuthorizationMessageException"
        return errors.error("sts", code, "The message is not one of this sandbox's.", 400)
    name = "DecodeAuthorizationMessage"
    return Response(
        f'<{name}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{name}Result>'
        f"<DecodedMessage>{escape(text)}</DecodedMessage></{name}Result><ResponseMetadata>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{name}Response>",
        content_type="text/xml",
    )


def _kind(arn: str) -> str:
    """The ARN without the name at its end."""
    head, slash, _ = arn.partition("/")
    return f"{head}{slash}*" if slash else arn
