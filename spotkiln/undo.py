"""A stack of compensations, run in reverse order on any way out but success.

Cancellation and SIGTERM arrive as BaseException and unwind it as failures do. A compensation that
fails does not stop the others: all failures are kept in `failures`, for the report, and what they
left is finished by reconcile.
"""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import ParamSpec, Self

P = ParamSpec("P")


class UndoStack:
    def __init__(self, on_failure: Callable[[str, Exception], None]) -> None:
        self._stack = ExitStack()
        self._on_failure = on_failure
        self.failures: list[tuple[str, Exception]] = []
        self.undone: list[str] = []

    def later(
        self, what: str, compensation: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run `compensation` if anything fails from here on.

        Call it *before* the step that creates what it removes: the answer of a create call can be
        lost, what it made is there all the same.
        """

        def run() -> None:
            try:
                compensation(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the others must still run
                self.failures.append((what, error))
                self._on_failure(what, error)
            else:
                self.undone.append(what)

        self._stack.callback(run)

    def keep(self) -> None:
        """What was made stays: forget all compensations."""
        self._stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.keep()
        else:
            self._stack.close()
