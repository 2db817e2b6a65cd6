"""Carries something out beside the caller, who goes on looking at other things."""

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from spotkiln.errors import NotWanted

T = TypeVar("T")
LOOK_SECONDS = 0.2


def _nobody() -> bool:
    return False


# Of whatever is carried out beside something else: whether it has been told to end.
_stopped: contextvars.ContextVar[Callable[[], bool]] = contextvars.ContextVar(
    "stopped", default=_nobody
)


def require_wanted() -> None:
    """What takes long asks this now and then.

    Raises:
        NotWanted: it runs beside something, and was told to end.
    """
    if _stopped.get()():
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

    @property
    def failed(self) -> bool:
        return self._error is not None

    def result(self) -> None:
        """Of what has ended: raises what it raised."""
        if self._error:
            raise self._error

    def wait(self, seconds: float | None = None) -> None:
        """Until it has ended, however that may be; for so long at most."""
        if self._thread:
            self._thread.join(seconds)

    def _carry_out(self, run: Callable[[], None]) -> None:
        _stopped.set(self._stop.is_set)
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            self._error = error


def side_by_side(first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    """What the two return, carried out at the same time, `first` in the caller's thread. If one
    fails, the other is told to end, and what is raised is what the one that failed first raised,
    once both have ended."""
    found: list[T] = []
    beside = Beside()
    outer = _stopped.get()
    told = _stopped.set(lambda: outer() or beside.failed)
    beside.start(lambda: found.append(second()))
    try:
        result = first()
        while beside.under_way:
            require_wanted()
            beside.wait(LOOK_SECONDS)
    except BaseException as error:
        beside.stop()
        beside.wait()
        if isinstance(error, NotWanted) and not outer():
            beside.result()
        raise
    finally:
        _stopped.reset(told)
    beside.result()
    return result, found[0]
