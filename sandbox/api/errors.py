"""AWS's error answers, in the format of the service that gives them."""

import json
import uuid
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response


def error(service: str, code: str, message: str, status: int) -> Response:
    request_id = str(uuid.uuid4())
    if service == "ec2":
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return Response(text, status, content_type="text/xml;charset=UTF-8")
    if service in ("elasticloadbalancing", "iam", "sts"):
        kind = "Receiver" if status >= 500 else "Sender"
        text = (
            f"<ErrorResponse><Error><Type>{kind}</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(text, status, content_type="text/xml")
    answer = json.dumps({"__type": code, "message": message})
    return Response(answer, status, content_type="application/x-amz-json-1.1")


def throttled(service: str) -> Response:
    """EC2 answers 503 and RequestLimitExceeded; the others 400 and Throttling."""
    if service == "ec2":
        return error(service, "RequestLimitExceeded", "Request limit exceeded.", 503)
    return error(service, "Throttling", "Rate exceeded", 400)
