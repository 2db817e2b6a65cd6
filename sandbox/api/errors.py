"""AWS's error answers, in the format of the service that gives them."""

import json
import re
import uuid
from functools import lru_cache
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from sandbox.api import model


def is_query(service: str) -> bool:
    """Whether its errors are XML: EC2 and the services with AWS's query protocol."""
    return service == "ec2" or _query(service)


_QUOTE = re.compile(rb"'|&#39;|&#x27;|&apos;")
# One thing that has several ids.
_SEVERAL = re.compile(
    rb"(The [\w ]*[a-rt-zA-Z]) "
    rb"((?:'|&#39;|&#x27;|&apos;)[\w\[-]+, [^']*?(?:'|&#39;|&#x27;|&apos;)) does not exist"
)
_SET = re.compile(rb"\{((?:'|&#39;|&#x27;|&apos;)[\w-][^{}<]*)\}")


@lru_cache(256)
def _query(service: str) -> bool:
    """Whether it has AWS's query protocol, whose errors are XML. EC2 has one of its own, the others
    answer in JSON; so does what botocore does not know."""
    found = model.service(service)
    # Of a service that speaks several, the one that clients choose.
    return bool(found and found.resolved_protocol == "query")


def error(service: str, code: str, message: str, status: int) -> Response:
    request_id = str(uuid.uuid4())
    if service == "ec2":
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return Response(text, status, content_type="text/xml;charset=UTF-8")
    if _query(service):
        kind = "Receiver" if status >= 500 else "Sender"
        text = (
            f"<ErrorResponse><Error><Type>{kind}</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(text, status, content_type="text/xml")
    answer = json.dumps({"__type": code, "message": message})
    return Response(answer, status, content_type="application/x-amz-json-1.1")


def plain(text: bytes) -> bytes:
    """A message of moto's as a person or program reads it: ids, and no set of Python's."""
    without = _SET.sub(lambda found: _QUOTE.sub(b"", found[1]), text)
    return _SEVERAL.sub(rb"\1s \2 do not exist", without)


def unknown_key(service: str, more: str) -> Response:
    """What AWS answers to an access key that it does not know, with a sentence more."""
    if service == "ec2":
        text = "AWS was not able to validate the provided access credentials."
        return error(service, "AuthFailure", f"{text} {more}", 401)
    text = "The security token included in the request is invalid."
    if _query(service):
        return error(service, "InvalidClientTokenId", f"{text} {more}", 403)
    return error(service, "UnrecognizedClientException", f"{text} {more}", 400)


def no_key(service: str, more: str) -> Response:
    text = f"Request is missing Authentication Token. {more}"
    return error(service, "MissingAuthenticationToken", text, 403)


def denied(service: str, text: str) -> Response:
    """What AWS answers to a call that the caller has no right to."""
    if service == "ec2":
        return error(service, "UnauthorizedOperation", text, 403)
    if _query(service):
        return error(service, "AccessDenied", text, 403)
    return error(service, "AccessDeniedException", text, 400)


def throttled(service: str) -> Response:
    """EC2 answers 503 and RequestLimitExceeded; the others 400, by their protocol."""
    if service == "ec2":
        return error(service, "RequestLimitExceeded", "Request limit exceeded.", 503)
    code = "Throttling" if _query(service) else "ThrottlingException"
    return error(service, code, "Rate exceeded", 400)
