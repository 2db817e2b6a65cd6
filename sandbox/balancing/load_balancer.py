"""A reverse proxy on loopback that routes a listener's requests as an ALB does.

The first rule that fits decides for a target group, `pick` for one of its targets. `LoadBalancer`
forwards the request and streams both ways. It answers by itself with 503 if there is no target, 502
if the target refused or broke the connection, and 504 if the target did not answer in time. As an
ALB, it does not try another target then.
"""

import asyncio
import errno
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from sandbox.balancing.counts import Counts
from sandbox.balancing.headers import end_to_end
from sandbox.balancing.routes import (
    COOKIE,
    CORS_COOKIE,
    FixedResponse,
    Rule,
    TargetRoute,
    cookies,
    kept_with,
    rule_for,
    share_for,
)
from sandbox.loop_thread import LoopThread

# ALB's own figures.
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 60.0
CLIENT_KEEPALIVE_SECONDS = 3600.0

_RULES_SECONDS = 0.1  # how old rules and targets may be
# Shorter than servers keep an idle connection (puma: 20 s or more). So a target seldom closes a
# pooled connection that is about to be used.
_POOL_SECONDS = 4.0
_SMALL_BYTES = 65536
_HEADER_BYTES = 65536
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT}
_REASONS = {
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


def pick(routes: Sequence[TargetRoute], turn: int) -> TargetRoute | None:
    """The target for the turn-th request. If no target is healthy, each one that is not draining or
    unused counts (fail open). None if there is none to send it to."""
    reachable = [route for route in routes if route.address is not None]
    healthy = [route for route in reachable if route.state == "healthy"]
    eligible = healthy or [r for r in reachable if r.state in ("initial", "unhealthy")]
    return eligible[turn % len(eligible)] if eligible else None


class LoadBalancer:
    """Serves from `start` to `stop`, in a thread of its own. After `start`, `port` is the port it
    listens on.

    `rules` returns the listener's rules, with the members of their target groups. It is called from
    another thread, at most ten times a second, and should answer within milliseconds. `now` is the
    time by which visitors stay with a target group, in seconds.
    """

    def __init__(
        self,
        rules: Callable[[], Sequence[Rule]],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask_rules = rules
        self._now = now
        self._rules: Sequence[Rule] = ()
        self._rules_until = 0.0
        self._turns: Counter[str] = Counter()
        self._counts = Counts()
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_seconds, sock_read=idle_seconds
        )
        self.host, self.port = host, port
        self._thread: LoopThread | None = None

    def start(self) -> None:
        """Returns once it listens. Raises OSError if the port is taken."""
        self._thread = LoopThread("load-balancer")
        try:
            self.port = self._thread.run(self._listen())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Safe to repeat. Requests under way are cut."""
        if self._thread is not None:
            self._thread.run(self._close())
            self._thread.close()
            self._thread = None

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def counters(self) -> dict[str, Any]:
        """Since the start: requests, in_flight, codes (as clients saw them), generated (by the
        load balancer itself), targets: {instance id: {requests, codes}}."""
        return self._counts.snapshot()

    def take_times(self) -> dict[str, list[float]]:
        """How long targets took to begin their answers, since the last call: seconds by the name of
        the target group."""
        return self._counts.take_times()

    async def _listen(self) -> int:
        self._rules_lock = asyncio.Lock()
        self._pooled = self._session(keepalive_timeout=_POOL_SECONDS)
        self._fresh = self._session(force_close=True)
        server = web.Server(
            self._handle,
            access_log=None,
            keepalive_timeout=CLIENT_KEEPALIVE_SECONDS,
            auto_decompress=False,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, backlog=1024).start()
        return int(self._runner.addresses[0][1])

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._pooled.close()
        await self._fresh.close()

    def _session(self, **connector: Any) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, **connector),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        # It would try again on another pooled connection, which may be closed as well. See `_send`.
        session._retry_connection = False
        return session

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        rule = rule_for(await self._current_rules(), request.headers.get("Host", ""), request.path)
        if rule is not None and rule.answer is not None:
            return self._fixed(rule.answer)
        route = self._choose(rule, request.cookies)
        if rule is None or route is None or route.address is None:
            return self._own(503, None)
        self._counts.in_flight += 1
        try:
            keep = cookies(rule, route.group, self._now())
            return await self._forward(request, route, route.address, keep)
        except TimeoutError:
            return self._own(504, route)
        except aiohttp.ClientOSError as error:
            return self._own(504 if error.errno in _UNREACHABLE else 502, route)
        except aiohttp.ClientError:
            return self._own(502, route)
        finally:
            self._counts.in_flight -= 1

    def _choose(self, rule: Rule | None, sent: Mapping[str, str]) -> TargetRoute | None:
        """Each rule has turns of its own, and so has each target group. `sent` are cookies."""
        if rule is None:
            return None
        cookie = sent.get(COOKIE) or sent.get(CORS_COOKIE) or ""
        share = kept_with(rule, cookie, self._now())
        if share is None:
            names = " ".join(one.group for one in rule.shares)
            share = share_for(rule.shares, self._turns[f"rule {names}"])
            self._turns[f"rule {names}"] += 1
        if share is None:
            return None
        route = pick(share.targets, self._turns[share.group])
        self._turns[share.group] += 1
        return route

    async def _current_rules(self) -> Sequence[Rule]:
        """Only one caller asks for them at a time. The event loop never waits for the account's
        lock."""
        if time.monotonic() >= self._rules_until:
            async with self._rules_lock:
                if time.monotonic() >= self._rules_until:
                    self._rules = await asyncio.to_thread(self._ask_rules)
                    self._rules_until = time.monotonic() + _RULES_SECONDS
        return self._rules

    async def _forward(
        self,
        request: web.BaseRequest,
        route: TargetRoute,
        address: tuple[str, int],
        keep: Sequence[str],
    ) -> web.StreamResponse:
        host, port = address
        url = URL(f"http://{host}:{port}{request.rel_url.raw_path_qs}", encoded=True)
        asked = self._now()
        async with await self._send(request, url) as answer:
            self._counts.took(route, self._now() - asked)
            return await self._relay(request, route, answer, keep)

    async def _send(self, request: web.BaseRequest, url: URL) -> aiohttp.ClientResponse:
        """An idempotent request without a body goes over a pooled connection. If that breaks,
        because the target may just have closed it, the request is sent once more over a new
        connection. All other requests are sent once, over a new connection."""
        body = request.content if request.body_exists else None
        headers = self._request_headers(request)

        async def send(session: aiohttp.ClientSession) -> aiohttp.ClientResponse:
            return await session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            )

        if body is None and request.method in aiohttp.client.IDEMPOTENT_METHODS:
            try:
                return await send(self._pooled)
            except aiohttp.ClientConnectorError:
                raise
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                pass
        return await send(self._fresh)

    def _request_headers(self, request: web.BaseRequest) -> CIMultiDict[str]:
        headers = end_to_end(request.headers)
        before = request.headers.get("X-Forwarded-For")
        client = request.remote or "127.0.0.1"
        headers["X-Forwarded-For"] = f"{before}, {client}" if before else client
        headers["X-Forwarded-Proto"] = "http"
        headers["X-Forwarded-Port"] = str(self.port)
        return headers

    async def _relay(
        self,
        request: web.BaseRequest,
        route: TargetRoute,
        answer: aiohttp.ClientResponse,
        keep: Sequence[str],
    ) -> web.StreamResponse:
        """Before the first byte a failure is raised. After it the client's connection is cut, so
        that the client cannot take half an answer for a whole one. `keep` are cookies."""
        headers = end_to_end(answer.headers)
        headers.extend(("Set-Cookie", one) for one in keep)
        length = answer.content_length
        response: web.StreamResponse
        if length is not None and length <= _SMALL_BYTES and request.method != "HEAD":
            body = await answer.read()
            headers.popall("Content-Length", None)
            response = web.Response(
                status=answer.status, reason=answer.reason, headers=headers, body=body
            )
            self._counts.forwarded(route, answer.status)
            return response
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        self._counts.forwarded(route, answer.status)
        try:
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            self._counts.cut += 1
            if request.transport is not None:
                request.transport.abort()
        return response

    def _fixed(self, answer: FixedResponse) -> web.Response:
        self._counts.generated(None, answer.status)
        return web.Response(
            status=answer.status,
            headers={"Server": "awselb/2.0"},
            text=answer.body,
            content_type=answer.content_type,
        )

    def _own(self, status: int, route: TargetRoute | None) -> web.Response:
        self._counts.generated(route, status)
        title = f"{status} {_REASONS[status]}"
        return web.Response(
            status=status,
            reason=_REASONS[status],
            headers={"Server": "awselb/2.0"},
            text=f"<html>\r\n<head><title>{title}</title></head>\r\n"
            f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n",
            content_type="text/html",
        )
