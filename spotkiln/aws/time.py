"""AWS's time: the one clock that everybody who changes things in an account shares.

A host's own clock may be wrong, and it may stand still or jump while the host sleeps. AWS dates
each of its answers, to the second. From the newest answer on, time is counted by a clock of this
host that nobody sets, and that goes on while the host sleeps.
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
    """Seconds since some moment. Nobody sets this clock, and it goes on while the host sleeps."""
    return time.clock_gettime(_CLOCK)


class AwsTime:
    """AWS's time, as the newest answer to any client told it. Threads may share it: what was heard
    is kept as one value."""

    def __init__(self, clock: Callable[[], float] = elapsed) -> None:
        self._clock = clock
        self._heard: tuple[datetime, float] | None = None

    def hear(self, date: str) -> None:
        """Take the `Date` of an answer. What is no date is ignored."""
        try:
            moment = parsedate_to_datetime(date)
        except ValueError:
            return
        if moment.tzinfo is not None:
            self._heard = (moment.astimezone(UTC), self._clock())

    def on_answer(self, parsed: dict[str, Any], **_: object) -> None:
        """Called at botocore's event `after-call`. An error is an answer, too."""
        headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self.hear(headers.get("date", ""))

    def now(self, ask: Callable[[], object]) -> datetime:
        """The time in UTC. If nothing has been heard yet, `ask` is called to get an answer.

        Raises:
            InfrastructureError: the answer has no date. The host's clock is never used instead.
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
