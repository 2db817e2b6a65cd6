"""What time AWS has: the one clock that all who change things in an account share.

A host's own clock may be wrong, and stands still or jumps while it sleeps. AWS dates each of its
answers, to the second; from the newest one on time is counted by a clock of this host that nobody
sets and that goes on in a sleep.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from spotkiln.errors import InfrastructureError

# On Linux the monotonic clock stands still while the machine sleeps; elsewhere it does not.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since some moment: never set, never going back, counted in a sleep too."""
    return time.clock_gettime(_CLOCK)


class AwsTime:
    """AWS's time, as its newest answer to any client told it. Safe to share between threads: what
    is heard is kept as one value."""

    def __init__(self, clock: Callable[[], float] = elapsed) -> None:
        self._clock = clock
        self._heard: tuple[datetime, float] | None = None

    def hear(self, date: str) -> None:
        """An answer's `Date`. What is no date is not heard."""
        try:
            moment = parsedate_to_datetime(date)
        except ValueError:
            return
        if moment.tzinfo is not None:
            self._heard = (moment.astimezone(UTC), self._clock())

    def on_answer(self, parsed: dict[str, Any], **_: object) -> None:
        """For botocore's event `after-call`: an error is an answer too."""
        headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self.hear(headers.get("date", ""))

    def now(self, ask: Callable[[], object]) -> datetime:
        """UTC. As long as nothing has been heard, `ask` is called for an answer.

        Raises:
            InfrastructureError: the answer has no date; the host's clock is never taken instead.
        """
        if self._heard is None:
            ask()
        if self._heard is None:
            raise InfrastructureError(
                "AWS answers without a Date header, so its time is not known; does a proxy remove "
                "it? Without AWS's time nobody can tell whose turn it is"
            )
        moment, then = self._heard
        return moment + timedelta(seconds=self._clock() - then)
