"""The part of EC2's query API that a bake uses, with the standard library alone.

Requests have an Authorization header of the right form, but no valid signature: the sandbox checks
only the access key's id.
"""

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sandbox.packer_standin.key import Key

_RETRIED = {"RequestLimitExceeded", "Throttling", "InternalError", "Unavailable"}
_ATTEMPTS = 8
# No proxy from the environment lies between here and the sandbox.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Ec2Error(Exception):
    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.operation, self.code, self.message = operation, code, message


class Ec2:
    def __init__(self, endpoint: str, region: str, pause: Callable[[float], None]) -> None:
        """`pause` waits. It may raise to give up."""
        self._endpoint = endpoint.rstrip("/")
        self.region = region
        self._pause = pause
        self._key = Key()

    def call(self, operation: str, parameters: Mapping[str, Any] | None = None) -> ET.Element:
        """Tries again when it is throttled or gets no answer, as the AWS SDK does."""
        form = {"Action": operation, "Version": "2016-11-15", **flatten(parameters or {})}
        body = urllib.parse.urlencode(form).encode()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _plain(ET.fromstring(self._post(body)))  # noqa: S314 - our own sandbox
            except urllib.error.HTTPError as error:
                failure = _error(operation, error)
                if attempt == _ATTEMPTS or failure.code not in _RETRIED:
                    raise failure from None
            except (OSError, http.client.HTTPException) as error:
                if attempt == _ATTEMPTS:
                    raise Ec2Error(
                        operation, "RequestError", f"send request failed: {error}"
                    ) from None
            self._pause(min(0.05 * 2**attempt, 2.0))
        raise AssertionError("unreachable")

    def _post(self, body: bytes) -> bytes:
        key = self._key.id()
        today = datetime.now(UTC).strftime("%Y%m%d")
        request = urllib.request.Request(  # noqa: S310 - the endpoint is http by design
            f"{self._endpoint}/",
            data=body,
            headers={
                "Authorization": (
                    f"AWS4-HMAC-SHA256 Credential={key}/{today}/{self.region}/ec2/aws4_request, "
                    "SignedHeaders=host, Signature=none"
                ),
                "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                "User-Agent": "[Spotkiln stand-in for] HashiCorp Packer/1.6.6",
            },
        )
        with _OPENER.open(request, timeout=60) as response:
            answer: bytes = response.read()
        return answer


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """{"Filter": [{"Name": "a"}]} -> {"Filter.1.Name": "a"}"""
    if isinstance(value, Mapping):
        items = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = [(str(number), one) for number, one in enumerate(value, start=1)]
    else:
        return {prefix: str(value).lower() if isinstance(value, bool) else str(value)}
    flat: dict[str, str] = {}
    for key, one in items:
        flat.update(flatten(one, f"{prefix}.{key}" if prefix else key))
    return flat


def tag_specification(kind: str, tags: Mapping[str, str]) -> dict[str, Any]:
    return {"ResourceType": kind, "Tag": [{"Key": k, "Value": v} for k, v in tags.items()]}


def text(element: ET.Element, path: str) -> str:
    """The element's text, or "" if there is no such element."""
    return element.findtext(path) or ""


def _plain(root: ET.Element) -> ET.Element:
    """The same tree without namespaces."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _error(operation: str, error: urllib.error.HTTPError) -> Ec2Error:
    try:
        root = _plain(ET.fromstring(error.read()))  # noqa: S314
        return Ec2Error(operation, text(root, ".//Code"), text(root, ".//Message"))
    except (TimeoutError, ET.ParseError):
        return Ec2Error(operation, "InternalError", f"HTTP status {error.code}")


def deadline_in(seconds: float) -> float:
    return time.monotonic() + seconds
