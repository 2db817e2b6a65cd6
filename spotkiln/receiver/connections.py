"""Connections: a client that opens many and sends nothing must not keep others out."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class Impatient(H11Protocol):
    """Closes a connection on which the head of a request does not come in time. When there are too
    many connections, it closes the one whose request has been unfinished for longest."""

    head_seconds = 5.0
    most = 512

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._late: asyncio.TimerHandle | None = None
        self._since = self.loop.time()

    @property
    def _silent(self) -> bool:
        """Whether the head of a request has yet to come."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _unfinished(self) -> bool:
        return self._silent or self.cycle.more_body

    def _watch(self) -> None:
        if self._silent and self._late is None:
            self._since = self.loop.time()
            self._late = self.loop.call_later(self.head_seconds, self.transport.abort)
        elif not self._silent and self._late:
            self._late.cancel()
            self._late = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > self.most:
            self._make_room()

    def _make_room(self) -> None:
        others = [one for one in self.connections if isinstance(one, Impatient) and one is not self]
        unfinished = [one for one in others if one._unfinished]
        if unfinished:
            oldest = min(unfinished, key=lambda one: one._since)
            self.connections.discard(oldest)
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.transport.is_closing():
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._late:
            self._late.cancel()
        super().connection_lost(exc)


def impatient(seconds: float, most: int) -> type[Impatient]:
    """The protocol, with so many seconds for a head and at most so many connections."""
    return type("ImpatientFor", (Impatient,), {"head_seconds": seconds, "most": most})
