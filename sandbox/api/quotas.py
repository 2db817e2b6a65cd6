"""Service Quotas' answers for EC2's vCPU quotas, which moto lacks."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from sandbox.api import errors

# Name and default by code. The values are made up; a new account's are lower.
_KNOWN = {
    "L-34B43A08": ("All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 640.0),
    "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 640.0),
}


def answer(operation: str, body: bytes, changed: Mapping[str, float]) -> Response:
    """`changed` has the quotas that were raised or lowered. As on AWS, GetServiceQuota knows only
    those."""
    request = json.loads(body or b"{}")
    code = str(request.get("QuotaCode", ""))
    known = request.get("ServiceCode") == "ec2" and code in _KNOWN
    if operation == "GetServiceQuota" and known and code in changed:
        return _quota(code, changed[code])
    if operation == "GetAWSDefaultServiceQuota" and known:
        return _quota(code, _KNOWN[code][1])
    if operation in {"GetServiceQuota", "GetAWSDefaultServiceQuota"}:
        return errors.error(
            "servicequotas", "NoSuchResourceException", "The request failed: no such quota.", 400
        )
    return errors.error(
        "servicequotas", "IllegalArgumentException", f"the sandbox knows no {operation}", 400
    )


def _quota(code: str, value: float) -> Response:
    quota: dict[str, Any] = {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaCode": code,
        "QuotaName": _KNOWN[code][0],
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
    return Response(
        json.dumps({"Quota": quota}),
        content_type="application/x-amz-json-1.1",
        headers={"x-amzn-RequestId": str(uuid.uuid4())},
    )
