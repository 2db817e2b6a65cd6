"""A stack of compensations, run in reverse order on any way out but success.

Cancellation and SIGTERM arrive as BaseException and unwind it as failures do. A compensation that
fails does not stop the others: it is reported, and what it left is finished by reconcile.
"""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import ParamSpec, Self

P = ParamSpec("P")


class UndoStack:
    """`before` runs once before the first compensation; `on_failure` gets what failed, and with
    what; `undone` is told the name of each that ran."""

    def __init__(
        self,
        before: Callable[[], None],
        on_failure: Callable[[str, Exception], None],
        undone: Callable[[str], object],
    ) -> None:
        self._stack = ExitStack()
        self._before = before
        self._on_failure = on_failure
        self._undone = undone

    def later(
        self, what: str, compensation: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run `compensation` if anything fails from here on.

        Call it *before* the step that creates what it removes: the answer of a create call can be
        lost, what it made is there all the same.
        """

        def undo() -> object:
            return compensation(*args, **kwargs)

        self._stack.callback(self._run, what, undo)

    def _run(self, what: str, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the others must still run
            self._on_failure(what, error)
        else:
            self._undone(what)

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
            return
        try:
            self._before()
        except Exception as problem:  # noqa: BLE001 - undoing matters more
            self._on_failure("look at what there is", problem)
        finally:
            self._stack.close()
