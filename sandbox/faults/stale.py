"""Answers reads from copies of earlier states."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from sandbox.state.account import Account

_MOST = 64
_READS = 3
_WITHIN = 30.0


@dataclass
class _Window:
    """After a changing call: so many reads, until then, answer from the copy before it."""

    copy: bytes
    reads: int
    until: float
    agent: str


class StaleReads:
    """The caller holds the account's lock."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._copies: deque[tuple[float, bytes]] = deque(maxlen=_MOST)
        self._windows: list[_Window] = []

    def before_change(self) -> bytes:
        copy = self._account.snapshot()
        self._copies.append((self._account.clock.now(), copy))
        return copy

    def open_window(self, copy: bytes, arguments: dict[str, Any], agent: str) -> None:
        reads = int(arguments["reads"] or _READS)
        until = self._account.clock.now() + float(arguments["seconds"] or _WITHIN)
        self._windows.append(_Window(copy, reads, until, agent))

    def for_read(self, arguments: dict[str, Any]) -> bytes | None:
        """The copy that a `stale` fault on this read asks for. None if nothing has changed."""
        if arguments["seconds"] is not None:
            since = self._account.clock.now() - float(arguments["seconds"])
            return next((copy for when, copy in self._copies if when > since), None)
        index = int(arguments["mutations"] or 1)
        if not self._copies:
            return None
        return self._copies[max(len(self._copies) - index, 0)][1]

    def from_window(self, agent: str) -> bytes | None:
        """The copy that this read gets because of an earlier changing call."""
        now = self._account.clock.now()
        self._windows = [w for w in self._windows if w.reads > 0 and w.until > now]
        for window in self._windows:
            if window.agent in agent:
                window.reads -= 1
                return window.copy
        return None

    def clear(self) -> None:
        self._copies.clear()
        self._windows.clear()
