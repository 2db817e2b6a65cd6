"""Stop: Ctrl-C, SIGTERM and a closed terminal are the same."""

import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Once or twice. While everything is being started it ends at once; on the way out no signal
    cuts the cleaning off half-way."""

    def __init__(self) -> None:
        self.started = False
        self.once, self.twice = threading.Event(), threading.Event()
        for number in SIGNALS:
            signal.signal(number, self._told)

    def _told(self, number: int, frame: object) -> None:  # noqa: ARG002
        again = self.once.is_set()
        (self.twice if again else self.once).set()
        if not self.started and not again:
            raise SystemExit(128 + number)
