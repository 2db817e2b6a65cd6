"""What a client asks for that nobody knows, answered with a code that it does not try again.

An operation, a filter or a token that is unknown is the client's mistake, or a gap of the sandbox:
an InternalError would be tried again and again.
"""

import re
from functools import lru_cache

from botocore.model import OperationNotFoundError
from moto.backend_index import backend_url_patterns
from werkzeug.wrappers import Response

from sandbox.api import errors, model
from sandbox.faults.calls import Call

_TOKENS = ("NextToken", "nextToken", "Marker", "PaginationToken")
_TOKEN_CODES = {
    "ec2": "InvalidNextToken",
    "ssm": "InvalidNextToken",
    "secretsmanager": "InvalidNextTokenException",
    "autoscaling": "InvalidNextToken",
    "monitoring": "InvalidNextToken",
    "logs": "InvalidParameterException",
}
# EC2 takes them although they stand in no documentation.
_TAGS = {"tag", "tag-key", "tag-value"}
_OLD = {"DescribeInstances": {"group-id", "group-name"}}


def filters(call: Call) -> Response | None:
    """The refusal of a call to EC2 that filters by a name which is not documented. moto takes some
    for a filter that nothing fits, or that everything does."""
    if call.service != "ec2":
        return None
    known = _filters_of(call.operation)
    for one in call.parameters.get("Filters") or () if known else ():
        name = str(one.get("Name", "null"))
        tag = name.startswith("tag:") or name in _TAGS
        if name not in known and not (tag and known & _TAGS):
            return errors.error(
                "ec2", "InvalidParameterValue", f"The filter '{name}' is invalid", 400
            )
    return None


@lru_cache(maxsize=1000)
def _filters_of(operation: str) -> frozenset[str]:
    """The names in the operation's documentation; empty if it tells none."""
    known = model.operation("ec2", operation)
    shape = known.input_shape.members.get("Filters") if known and known.input_shape else None
    if shape is None:
        return frozenset()
    named = model.listed(shape.documentation)
    tags = _TAGS if any(one.split(":")[0] in _TAGS for one in named) else set()
    return frozenset(named | tags | _OLD.get(operation, set())) if named else frozenset()


def after(call: Call, error: Exception) -> Response | None:
    """The answer to a call at which moto failed; None if the reason is not the call."""
    if isinstance(error, (NotImplementedError, OperationNotFoundError)):
        return _unknown(call, str(error))
    if not _in_moto(call.service):
        return operation(call)
    if any(call.parameters.get(name) for name in _TOKENS):
        return _token(call.service)
    known = model.operation(call.service, call.operation)
    required = known.input_shape.required_members if known and known.input_shape else []
    for name in required:
        if call.parameters.get(name) is None:
            text = f"The request must contain the parameter {name}"
            return errors.error(call.service, "MissingParameter", text, 400)
    return None


def _unknown(call: Call, text: str) -> Response:
    found = re.search(r"filter\w* .*?'([^']+)'", text, re.IGNORECASE)
    if found and call.service == "ec2":
        said = f"The filter '{found[1]}' of {call.operation} is not known to the sandbox"
        return errors.error("ec2", "InvalidParameterValue", said, 400)
    return operation(call)


def operation(call: Call) -> Response:
    """The refusal of an operation: AWS does not know it, or the sandbox does not."""
    query = errors.is_query(call.service)
    if call.operation and model.operation(call.service, call.operation) is None and query:
        said = f"The action {call.operation} is not valid for this web service."
        return errors.error(call.service, "InvalidAction", said, 400)
    code = "UnsupportedOperation" if query else "UnsupportedOperationException"
    said = f"The sandbox does not know all of {call.operation}: moto has not implemented it."
    return errors.error(call.service, code, said, 400)


def _token(service: str) -> Response:
    usual = "ValidationError" if errors.is_query(service) else "ValidationException"
    code = _TOKEN_CODES.get(service, usual)
    return errors.error(service, code, "The specified token is not valid.", 400)


@lru_cache(maxsize=1000)
def _in_moto(service: str) -> bool:
    url = f"https://{service}.eu-west-1.amazonaws.com"
    return any(pattern.match(url) for _, pattern in backend_url_patterns)
