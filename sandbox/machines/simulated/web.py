"""The web server of the simulated applications: one event loop, one listener per machine."""

import asyncio
import threading
from collections.abc import Callable

from aiohttp import web

Page = Callable[[str, str], tuple[int | str, float, str, str]]


class WebFront:
    """Opens a listener when the load balancer first asks for a machine's address. So machines
    without requests cost nothing."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._servers: dict[str, tuple[asyncio.Server, int]] = {}
        self._by_port: dict[int, str] = {}

    def open(self, instance_id: str) -> tuple[str, int]:
        with self._lock:
            if instance_id not in self._servers:
                future = asyncio.run_coroutine_threadsafe(self._listen(), self._running_loop())
                server, port = future.result(timeout=10)
                self._servers[instance_id] = server, port
                self._by_port[port] = instance_id
            return "127.0.0.1", self._servers[instance_id][1]

    def close(self, instance_id: str) -> None:
        """Takes no lock: the caller holds the machines' lock, and the event loop may be waiting
        for it."""
        opened, loop = self._servers.pop(instance_id, None), self._loop
        if opened is not None and loop is not None:
            self._by_port.pop(opened[1], None)
            loop.call_soon_threadsafe(opened[0].close)

    def stop(self) -> None:
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=5)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="simulated-web", daemon=True
            )
            self._thread.start()
        return self._loop

    async def _listen(self) -> tuple[asyncio.Server, int]:
        factory = web.Server(self._handle)
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        return server, server.sockets[0].getsockname()[1]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        port = transport.get_extra_info("sockname")[1] if transport else 0
        instance_id = self._by_port.get(port, "")
        answer, seconds, revision, text = self._page(instance_id, request.path)
        if answer == "timeout":
            seconds = 120.0
        if seconds:
            await asyncio.sleep(seconds)
        if not isinstance(answer, int):
            if transport is not None:
                transport.abort()  # as if nothing listened
            return web.Response(status=502)
        return web.Response(
            status=answer,
            text=text,
            headers={"X-Revision": revision, "X-Instance-Id": instance_id},
        )
