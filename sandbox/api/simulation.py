"""IAM's SimulatePrincipalPolicy, which moto lacks: what a role's policies say of actions."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from sandbox.api import errors
from sandbox.rights.policy import Decision, decide

_WORDS = {"allowed": "allowed", "denied": "explicitDeny", "not allowed": "implicitDeny"}
_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def answer(parameters: dict[str, Any], policies: Callable[[str], list[str] | None]) -> Response:
    """`policies` are those of a role, by its ARN; None for one that is no role: the sandbox's own
    keys may do everything."""
    source = str(parameters.get("PolicySourceArn", ""))
    if ":role/" in source and policies(source) is None:
        return errors.error("iam", "NoSuchEntity", f"{source} does not exist.", 404)
    resources = [str(one) for one in _listed(parameters, "ResourceArns")] or ["*"]
    context = _context(_listed(parameters, "ContextEntries"))
    results = [
        _result(str(action), resource, _decision(policies(source), str(action), resource, context))
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


def _listed(parameters: dict[str, Any], name: str) -> list[Any]:
    found = parameters.get(name) or []
    return list(found if isinstance(found, Iterable) else [])


def _context(entries: list[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {
        str(one["ContextKeyName"]).lower(): tuple(map(str, one.get("ContextKeyValues") or ()))
        for one in entries
    }


def _decision(
    policies: list[str] | None, action: str, resource: str, context: dict[str, tuple[str, ...]]
) -> Decision:
    if policies is None:
        return Decision("allowed")
    return decide(policies, action, resource, context)


def _result(action: str, resource: str, decision: Decision) -> str:
    missing = "".join(f"<member>{escape(one)}</member>" for one in sorted(decision.missing))
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{_WORDS[decision.word]}</EvalDecision><MatchedStatements/>"
        f"<MissingContextValues>{missing}</MissingContextValues></member>"
    )
