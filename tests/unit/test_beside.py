"""Two things carried out at the same time."""

import threading

import pytest

from spotkiln.beside import Beside, require_wanted, side_by_side
from spotkiln.errors import InputError, NotWanted

SECONDS = 60


def until_told() -> str:
    """Goes on until it is told to end."""
    for _ in range(SECONDS * 100):
        require_wanted()
        threading.Event().wait(0.01)
    return "nobody told it"


def fails() -> str:
    raise InputError("this one")


def test_both_are_carried_out_at_the_same_time() -> None:
    met = threading.Barrier(2, timeout=SECONDS)
    first, second = side_by_side(lambda: met.wait() >= 0, lambda: met.wait() >= 0)
    assert first
    assert second


@pytest.mark.parametrize("pair", [(fails, until_told), (until_told, fails)])
def test_one_that_fails_ends_the_other(pair: tuple[object, object]) -> None:
    with pytest.raises(InputError, match="this one"):
        side_by_side(*pair)  # type: ignore[arg-type]
    require_wanted()


def test_both_end_when_their_caller_is_told_to() -> None:
    outer, ended = Beside(), []
    begun = threading.Event()

    def told(name: str) -> str:
        begun.set()
        try:
            return until_told()
        except NotWanted:
            ended.append(name)
            raise

    outer.start(lambda: side_by_side(lambda: told("first"), lambda: told("second")) and None)
    assert begun.wait(SECONDS)
    outer.stop()
    outer.wait(SECONDS)
    assert sorted(ended) == ["first", "second"]
    with pytest.raises(NotWanted):
        outer.result()
