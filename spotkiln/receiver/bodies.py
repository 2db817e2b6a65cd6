"""Bodies of requests: up to GitHub's 25 MB each, and all together within a limit of memory.

The first 64 KiB of each body are free: most bodies are no larger, and a slow sender holds no more
memory than it has sent. A larger body waits until there is room for it, and is not read meanwhile.
Once it has room it must come at a minimum speed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

FREE_BYTES = 64 * 1024
# A body that holds room may send nothing for so long; after that, at least so much a second.
GRACE_SECONDS = 2.0
SLOWEST_BYTES = 64 * 1024


class Room:
    """So many bytes of memory, given out in the order in which they are asked for."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._changed = asyncio.Condition()
        self._next = asyncio.Lock()

    async def take(self, size: int) -> None:
        async with self._next, self._changed:
            await self._changed.wait_for(lambda: size <= self._free)
            self._free -= size

    async def give_back(self, size: int) -> None:
        async with self._changed:
            self._free += size
            self._changed.notify_all()


class Bodies:
    def __init__(self, *, max_bytes: int, max_memory: int, seconds: float) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._room = Room(max_memory)

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body; its room is held until the block ends.

        Raises:
            HTTPException: it is too large or too slow, or there is no room for it.
        """
        reading = _Reading(request, self._max_bytes, self._room)
        try:
            yield await reading.within(self._seconds)
        finally:
            if reading.held:
                # Shielded: the room is given back even if this request is cancelled.
                await asyncio.shield(self._room.give_back(reading.held))


class _Reading:
    def __init__(self, request: Request, max_bytes: int, room: Room) -> None:
        self._request = request
        self._max_bytes = max_bytes
        self._room = room
        self._waiting = False
        self.held = 0

    async def within(self, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds) as whole:
                return await self._read(whole)
        except TimeoutError:
            if self._waiting:
                raise HTTPException(503, "too many large deliveries at once: try again") from None
            raise self._late(seconds) from None
        except ClientDisconnect:
            raise HTTPException(400, "the connection was closed before the body ended") from None

    def _late(self, seconds: float) -> HTTPException:
        return HTTPException(
            408, f"the body took more than {seconds:g} s, or came too slowly for its size"
        )

    async def _hold(self, size: int) -> None:
        self._waiting = True
        await self._room.take(size)
        self._waiting = False
        self.held = size

    async def _read(self, whole: asyncio.Timeout) -> bytes:
        limit = self._max_bytes
        too_large = HTTPException(413, f"expected at most {limit} bytes")
        size = int(self._request.headers.get("content-length") or 0)
        if size > limit:
            raise too_large
        loop = asyncio.get_running_loop()
        end = whole.when() or loop.time()
        begin, at_first = 0.0, 0
        body = bytearray()
        async for part in self._request.stream():
            body += part
            if len(body) > limit:
                raise too_large
            if len(body) > FREE_BYTES and not self.held:
                await self._hold(size or limit)
                begin, at_first = loop.time(), len(body)
            if self.held:
                late = loop.time() - begin - GRACE_SECONDS
                if late > 0 and len(body) - at_first < late * SLOWEST_BYTES:
                    raise self._late(late)
                whole.reschedule(min(end, loop.time() + GRACE_SECONDS))
        return bytes(body)
