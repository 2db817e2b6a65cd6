"""IAM's SimulatePrincipalPolicy, which moto lacks: what a role's policies say of actions."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from sandbox.api import errors
from sandbox.api.policy import decide

_WORDS = {"allowed": "allowed", "denied": "explicitDeny", "not allowed": "implicitDeny"}
_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def answer(
    parameters: dict[str, Any], policies: Callable[[str], list[dict[str, Any]] | None]
) -> Response:
    """`policies` are those of a role, by its ARN; None for one that is no role: the sandbox's own
    keys may do everything."""
    source = str(parameters.get("PolicySourceArn", ""))
    if ":role/" in source and policies(source) is None:
        return errors.error("iam", "NoSuchEntity", f"{source} does not exist.", 404)
    resources = _listed(parameters, "ResourceArns") or ["*"]
    results = [
        _result(action, resource, _decision(policies(source), action, resource))
        for resource in resources
        for action in _listed(parameters, "ActionNames")
    ]
    text = (
        f'<SimulatePrincipalPolicyResponse xmlns="{_NAMESPACE}"><SimulatePrincipalPolicyResult>'
        f"<IsTruncated>false</IsTruncated><EvaluationResults>{''.join(results)}"
        "</EvaluationResults></SimulatePrincipalPolicyResult><ResponseMetadata>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></SimulatePrincipalPolicyResponse>"
    )
    return Response(text, content_type="text/xml")


def _listed(parameters: dict[str, Any], name: str) -> list[str]:
    found = parameters.get(name) or []
    return [str(one) for one in (found if isinstance(found, Iterable) else [])]


def _decision(policies: list[dict[str, Any]] | None, action: str, resource: str) -> str:
    return "allowed" if policies is None else _WORDS[decide(policies, action, resource)]


def _result(action: str, resource: str, decision: str) -> str:
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/>"
        "</member>"
    )
