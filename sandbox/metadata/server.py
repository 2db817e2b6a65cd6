"""The instance metadata service: what a machine asks at 169.254.169.254.

`MetadataServer` serves on a socket that the caller has bound (machines/docker/network.py). It
tells machines apart by the address that they ask from.
"""

import re
import secrets
import socket
import time

from aiohttp import web

from sandbox.loop_thread import LoopThread
from sandbox.metadata.tree import MetadataInstance, look_up, values

TOKEN_TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"  # noqa: S105 - a header's name
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - a header's name
MAX_TTL_SECONDS = 21600

_VERSION = re.compile(r"^(latest|\d{4}-\d{2}-\d{2})$")
_SERVER_HEADER = {"Server": "EC2ws"}


class MetadataServer:
    """Serves on a bound socket, in a thread of its own, until `close`."""

    def __init__(self, bound: socket.socket) -> None:
        self._instances: dict[str, MetadataInstance] = {}  # by address
        self._tokens: dict[str, tuple[str, float]] = {}  # token to instance id, end
        self._thread = LoopThread("metadata")
        self._runner: web.AppRunner | None = None
        self._thread.run(self._start(bound))

    def put(self, instance: MetadataInstance) -> None:
        """Add a machine, or replace what is known of it. May be called from any thread."""
        self._instances[instance.address] = instance

    def remove(self, address: str) -> None:
        self._instances.pop(address, None)

    def close(self) -> None:
        """Safe to repeat."""
        if self._runner is not None:
            self._thread.run(self._runner.cleanup())
            self._runner = None
        self._thread.close()

    async def _start(self, bound: socket.socket) -> None:
        app = web.Application()
        app.router.add_put("/latest/api/token", self._token)
        app.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, bound).start()

    def _caller(self, request: web.Request) -> MetadataInstance:
        instance = self._instances.get(request.remote or "")
        if instance is None:
            raise web.HTTPNotFound(text=f"no instance has the address {request.remote}")
        if not instance.spec.metadata.endpoint:
            raise web.HTTPForbidden(text="the instance's metadata is switched off")
        return instance

    async def _token(self, request: web.Request) -> web.Response:
        instance = self._caller(request)
        if "X-Forwarded-For" in request.headers:
            raise web.HTTPForbidden
        ttl = request.headers.get(TOKEN_TTL_HEADER, "")
        if not (
            ttl.isascii() and ttl.isdigit() and len(ttl) < 6 and 1 <= int(ttl) <= MAX_TTL_SECONDS
        ):
            raise web.HTTPBadRequest(
                text=f"{TOKEN_TTL_HEADER} must be 1 to {MAX_TTL_SECONDS}, not {ttl!r}"
            )
        now = time.monotonic()
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept[1] > now}
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (instance.spec.instance_id, now + int(ttl))
        return web.Response(text=token, headers={TOKEN_TTL_HEADER: ttl, **_SERVER_HEADER})

    async def _get(self, request: web.Request) -> web.Response:
        instance = self._caller(request)
        self._check_token(instance, request.headers.get(TOKEN_HEADER))
        version, _, path = request.match_info["path"].lstrip("/").partition("/")
        if not version:
            return web.Response(text="latest", headers=_SERVER_HEADER)
        if not _VERSION.match(version):
            raise web.HTTPNotFound
        if path == "user-data":
            return self._user_data(instance)
        text = look_up(values(instance), path)
        if text is None:
            raise web.HTTPNotFound
        return web.Response(text=text, headers=_SERVER_HEADER)

    def _check_token(self, instance: MetadataInstance, token: str | None) -> None:
        """A token that is sent has to be good, also where none is needed (IMDSv1)."""
        if token is None and not instance.spec.metadata.tokens_required:
            return
        owner, end = self._tokens.get(token or "", ("", 0.0))
        if owner != instance.spec.instance_id or end <= time.monotonic():
            raise web.HTTPUnauthorized(text="a valid token is required (IMDSv2)")

    def _user_data(self, instance: MetadataInstance) -> web.Response:
        if not instance.spec.user_data:
            raise web.HTTPNotFound
        return web.Response(
            body=instance.spec.user_data,
            content_type="application/octet-stream",
            headers=_SERVER_HEADER,
        )
