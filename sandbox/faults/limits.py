"""EC2's request limits: a token bucket per operation. There is none unless one is set."""

import fnmatch
import threading
from dataclasses import dataclass

from sandbox.state.clock import Clock


@dataclass
class _Bucket:
    rate: float  # tokens a second
    burst: float
    tokens: float
    filled_at: float


class Limits:
    """Set for patterns of operations ("Describe*"). Every operation has its own bucket."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._settings: list[tuple[str, float, float]] = []
        self._buckets: dict[str, _Bucket] = {}

    def set(self, operation: str, rate: float, burst: float) -> None:
        with self._lock:
            self._settings.append((operation, rate, burst))
            self._buckets.clear()

    def clear(self) -> None:
        with self._lock:
            self._settings.clear()
            self._buckets.clear()

    def take(self, operation: str) -> bool:
        """False if there are too many requests: the answer is a throttling error."""
        with self._lock:
            bucket = self._buckets.get(operation) or self._make(operation)
            if bucket is None:
                return True
            now = self._clock.now()
            bucket.tokens = min(
                bucket.burst, bucket.tokens + (now - bucket.filled_at) * bucket.rate
            )
            bucket.filled_at = now
            if bucket.tokens < 1:
                return False
            bucket.tokens -= 1
            return True

    def _make(self, operation: str) -> _Bucket | None:
        for pattern, rate, burst in reversed(self._settings):
            if fnmatch.fnmatchcase(operation, pattern):
                bucket = _Bucket(rate, burst, burst, self._clock.now())
                self._buckets[operation] = bucket
                return bucket
        return None
