"""Compensations: in reverse order, on any way out but success, and none stops another."""

from collections.abc import Callable

import pytest

from spotkiln.undo import UndoStack


class Story:
    """A stack, and what happened to it in order."""

    def __init__(self, before: Callable[[], None] | None = None) -> None:
        self.done: list[str] = []
        self.undone: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self.stack = UndoStack(
            before or (lambda: self.did("before")), self.failed, self.undone.append
        )

    def did(self, what: str) -> None:
        self.done.append(what)

    def failed(self, what: str, error: Exception) -> None:
        self.failures.append((what, str(error)))

    def fail(self, error: BaseException) -> None:
        self.done.append("failing")
        raise error


def test_reverse_order_after_a_failure() -> None:
    story = Story()
    with pytest.raises(ValueError, match="red"), story.stack as undo:
        undo.later("discard image", story.did, "image")
        undo.later("cancel fleet", story.did, "fleet")
        raise ValueError("red")
    assert story.done == ["before", "fleet", "image"]
    assert story.undone == ["cancel fleet", "discard image"]
    assert story.failures == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), GeneratorExit()])
def test_cancellation_undoes_as_well(error: BaseException) -> None:
    story = Story()
    with pytest.raises(type(error)), story.stack as undo:
        undo.later("discard image", story.did, "image")
        raise error
    assert story.done == ["before", "image"]


def test_what_comes_after_the_failure_was_never_promised() -> None:
    story = Story()
    with pytest.raises(ValueError, match="red"), story.stack as undo:
        undo.later("first", story.did, "first")
        if story:
            raise ValueError("red")
        undo.later("second", story.did, "second")
    assert story.done == ["before", "first"]


def test_success_keeps_everything() -> None:
    story = Story()
    with story.stack as undo:
        undo.later("discard image", story.did, "image")
    assert story.done == []
    assert story.undone == []


def test_what_was_kept_is_never_undone() -> None:
    story = Story()
    with pytest.raises(ValueError, match="late"), story.stack as undo:
        undo.later("discard image", story.did, "image")
        undo.keep()
        undo.later("cancel fleet", story.did, "fleet")
        raise ValueError("late")
    assert story.done == ["before", "fleet"]


def test_one_that_fails_is_reported_and_the_others_run() -> None:
    story = Story()
    with pytest.raises(ValueError, match="red"), story.stack as undo:
        undo.later("discard image", story.did, "image")
        undo.later("cancel fleet", story.fail, OSError("no network"))
        undo.later("stop builder", story.did, "builder")
        raise ValueError("red")
    assert story.done == ["before", "builder", "failing", "image"]
    assert story.undone == ["stop builder", "discard image"]
    assert story.failures == [("cancel fleet", "no network")]


def test_a_second_cancellation_does_not_stop_the_others_either() -> None:
    story = Story()
    with pytest.raises(KeyboardInterrupt), story.stack as undo:
        undo.later("discard image", story.did, "image")
        undo.later("cancel fleet", story.fail, KeyboardInterrupt())
        raise ValueError("red")
    assert story.done == ["before", "failing", "image"]


def test_looking_around_first_may_fail() -> None:
    def broken() -> None:
        raise OSError("AWS cannot be reached")

    story = Story(broken)
    with pytest.raises(ValueError, match="red"), story.stack as undo:
        undo.later("discard image", story.did, "image")
        raise ValueError("red")
    assert story.done == ["image"]
    assert story.failures == [("look at what there is", "AWS cannot be reached")]


def test_being_cancelled_while_looking_around_still_undoes() -> None:
    def cancelled() -> None:
        raise KeyboardInterrupt

    story = Story(cancelled)
    with pytest.raises(KeyboardInterrupt), story.stack as undo:
        undo.later("discard image", story.did, "image")
        raise ValueError("red")
    assert story.done == ["image"]


def test_arguments_are_handed_on() -> None:
    seen: dict[str, int] = {}

    def remember(name: str, *, value: int) -> None:
        seen[name] = value

    story = Story()
    with pytest.raises(ValueError, match="red"), story.stack as undo:
        undo.later("remember", remember, "a", value=7)
        raise ValueError("red")
    assert seen == {"a": 7}
