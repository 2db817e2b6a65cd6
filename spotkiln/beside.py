"""Carries something out beside the caller, who goes on looking at other things."""

import contextvars
import threading
from collections.abc import Callable

from spotkiln.errors import NotWanted

# Set for whatever is carried out beside something else: whether its caller has told it to end.
_stop: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("stop", default=None)


def require_wanted() -> None:
    """What takes long asks this now and then.

    Raises:
        NotWanted: it runs beside something, and was told to end.
    """
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise NotWanted("ended: nobody waits for it any more")


class Beside:
    """One thing at a time, in a thread with the caller's context. It does not outlive the
    process."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._stop = threading.Event()

    @property
    def begun(self) -> bool:
        return self._thread is not None

    @property
    def under_way(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, run: Callable[[], None]) -> None:
        """What was started before must have ended."""
        self._error = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=lambda: context.run(self._carry_out, run), name="beside", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Tell it to end, without waiting for that."""
        self._stop.set()

    def result(self) -> None:
        """Of what has ended: raises what it raised."""
        if self._error:
            raise self._error

    def wait(self, seconds: float | None = None) -> None:
        """Until it has ended, however that may be; for so long at most."""
        if self._thread:
            self._thread.join(seconds)

    def _carry_out(self, run: Callable[[], None]) -> None:
        _stop.set(self._stop)
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            self._error = error
