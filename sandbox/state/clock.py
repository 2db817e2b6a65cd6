"""The sandbox's clock. Its seconds can pass faster than real ones."""

import threading
import time


class Clock:
    """Counts sandbox seconds: `speed` of them pass in one real second.

    Every wait that AWS imposes (boot, health interval, draining, notice) is measured in sandbox
    seconds. Timestamps in answers are real ones, so that they fit the client's clock.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self.speed = speed
        # How far the dates of AWS's answers are ahead of this host's clock; below 0: behind.
        self.ahead_seconds = 0.0
        self._start = time.monotonic()

    def now(self) -> float:
        """Sandbox seconds since this clock was made."""
        return (time.monotonic() - self._start) * self.speed

    def set(self, now: float) -> None:
        """Go on from there."""
        self._start = time.monotonic() - now / self.speed

    def real(self, seconds: float) -> float:
        """How many real seconds so many sandbox seconds take."""
        return seconds / self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(self.real(seconds))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event, for at most so many sandbox seconds."""
        return event.wait(self.real(seconds))
