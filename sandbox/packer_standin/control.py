"""The part of the sandbox's control API that the stand-in uses."""

import json
import os
import urllib.request
from typing import Any

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
                "Authorization": f"Bearer {os.environ.get('AWS_ACCESS_KEY_ID', '')}",
                "Content-Type": "application/json",
            },
            method=method,
        )
        with _OPENER.open(request, timeout=30) as response:
            return json.loads(response.read())
