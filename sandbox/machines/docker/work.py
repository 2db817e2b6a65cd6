"""Queues of work. Each is done in order, and a pool of threads serves all of them."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class SerialWork:
    """One machine's queue. A piece of work that fails is reported, and the next one is done."""

    def __init__(self, pool: ThreadPoolExecutor, say: Callable[[str], None]) -> None:
        self._pool = pool
        self._say = say
        self._waiting: deque[Callable[[], None]] = deque()
        self._active = False
        self._lock = threading.Lock()

    def add(self, piece: Callable[[], None]) -> None:
        """Returns at once. Once the pool is shut down, nothing is done any more."""
        with self._lock:
            self._waiting.append(piece)
            if self._active:
                return
            self._active = True
        try:
            self._pool.submit(self._drain)
        except RuntimeError:  # the pool has been shut down
            self._waiting.clear()

    def _drain(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._active = False
                    return
                piece = self._waiting.popleft()
            try:
                piece()
            except Exception as error:  # noqa: BLE001 - the queue must go on
                self._say(f"machine work failed: {type(error).__name__}: {error}")
