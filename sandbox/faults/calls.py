"""Records every AWS call."""

import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers, MultiDict

# Below this path is the control API; everything else is AWS's.
CONTROL = "/_sandbox"

_SCOPE = re.compile(r"Credential=([^/\s]+)/\d+/[^/]+/([^/]+)/aws4_request")
_READS = ("Describe", "Get", "List", "Head", "Lookup", "Decode", "Search", "Simulate")
_MOST = 50_000
# Services whose calls have neither an action nor a target: by the name that they are signed with,
# botocore's.
REST = {"elasticfilesystem": "efs"}


@dataclass
class Call:
    n: int
    service: str
    operation: str
    parameters: dict[str, Any]
    agent: str
    caller: str = ""  # the instance whose role signed it
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    status: int | None = None  # None: not answered (yet)
    error: str | None = None
    fault: str | None = None  # kind of the fault that was applied

    @property
    def mutating(self) -> bool:
        return not self.operation.startswith(_READS)

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "mutating": self.mutating}


class Recorder:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._count = 0

    def record(self, environ: dict[str, Any], body: bytes) -> Call:
        service, operation, parameters = _what(environ, body)
        with self._lock:
            self._count += 1
            call = Call(
                self._count,
                service,
                operation,
                parameters,
                str(environ.get("HTTP_USER_AGENT", "")),
            )
            self._calls.append(call)
            del self._calls[:-_MOST]
        return call

    def calls(self) -> list[dict[str, Any]]:
        with self._lock:
            return [call.as_json() for call in self._calls]

    def clear(self) -> None:
        """Forget all calls. The numbering continues."""
        with self._lock:
            self._calls.clear()


def signed_with(authorization: str) -> tuple[str, str]:
    """Access key id and service in the credential scope of Signature Version 4; "" and "unsigned"
    without one."""
    scope = _SCOPE.search(authorization)
    return (scope[1], scope[2]) if scope else ("", "unsigned")


def _what(environ: dict[str, Any], body: bytes) -> tuple[str, str, dict[str, Any]]:
    _, service = signed_with(str(environ.get("HTTP_AUTHORIZATION", "")))
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        operation = str(target).rpartition(".")[2]
        return service, operation, _without_secrets(service, operation, _json(body))
    if named := _by_path(service, str(environ.get("REQUEST_METHOD", "")), _path(environ)):
        return service, named, _without_secrets(service, named, _json(body))
    values = MultiDict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    operation = str(values.get("Action", environ.get("PATH_INFO", "")))
    return service, operation, _parameters(service, operation, values)


def _path(environ: dict[str, Any]) -> str:
    return str(environ.get("PATH_INFO", "")).rstrip("/")


def _by_path(service: str, method: str, path: str) -> str:
    """The operation of a service that names it by method and path; empty for any other service."""
    if service not in REST:
        return ""
    model = get_service_model(REST[service])
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\{\w+\}", "[^/]+", http["requestUri"].partition("?")[0])
        if method == http["method"] and re.fullmatch(pattern.rstrip("/"), path):
            return str(name)
    return ""


def _json(body: bytes) -> dict[str, Any]:
    """The parameters of a call whose service speaks JSON; as it came if it is none."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"body": body.decode(errors="replace")}


def _without_secrets(service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """As CloudTrail records it: what botocore calls sensitive is left out."""
    hidden = _sensitive(service, operation)
    return {
        name: "HIDDEN_DUE_TO_SECURITY_REASONS" if name in hidden else value
        for name, value in parameters.items()
    }


@lru_cache(maxsize=1000)
def _sensitive(service: str, operation: str) -> frozenset[str]:
    """Parameters by name. For a service unknown to it botocore searches its folders."""
    try:
        shape = get_service_model(service).operation_model(operation).input_shape
        members = shape.members if shape else {}
    except Exception:  # noqa: BLE001 - a call that botocore does not know is recorded all the same
        return frozenset()
    return frozenset(name for name, one in members.items() if one.metadata.get("sensitive"))


def _parameters(service: str, operation: str, values: MultiDict[str, str]) -> dict[str, Any]:
    """In botocore's shape, or as they came if botocore knows no such operation."""
    try:
        model = get_service_model("elbv2" if service == "elasticloadbalancing" else service)
        parser = PROTOCOL_PARSERS[model.protocol](model.operation_model(operation), map_type=dict)
        parsed = parser.parse(
            {
                "method": "POST",
                "values": values,
                "headers": Headers(),
                "body": b"",
                "url_path": "/",
                "url_params": {},
            }
        )
    except Exception:  # noqa: BLE001 - a call that can't be read is recorded all the same
        return dict(values.items())
    return dict(parsed or {})
