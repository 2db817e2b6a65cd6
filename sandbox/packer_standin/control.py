"""The part of the sandbox's control API that the stand-in uses."""

import json
import os
import urllib.request
from typing import Any

# Says the owner's key where the caller signs with another, which has no way to the control API.
OWNERS_KEY = "SANDBOX_OWNERS_KEY"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Control:
    def __init__(self, endpoint: str) -> None:
        self._base = f"{endpoint.rstrip('/')}/_sandbox"

    def speed(self) -> float:
        """Raises OSError if no sandbox answers there."""
        return float(self._call("GET", "/status")["speed"])

    def properties(self, image_id: str) -> dict[str, Any]:
        return dict(self._call("GET", f"/scripts/{image_id}"))

    def describe_image(self, image_id: str, properties: dict[str, Any]) -> None:
        self._call("POST", "/scripts", {**properties, "match": {"image_id": image_id}})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the endpoint is http by design
            f"{self._base}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {_key()}",
                "Content-Type": "application/json",
            },
            method=method,
        )
        with _OPENER.open(request, timeout=30) as response:
            return json.loads(response.read())


def _key() -> str:
    return os.environ.get(OWNERS_KEY) or os.environ.get("AWS_ACCESS_KEY_ID", "")
