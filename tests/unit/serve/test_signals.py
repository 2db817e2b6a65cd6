"""Signals: alarms, and whether new servers answer with more errors than old ones."""

from math import comb

import pytest

from spotkiln.serve.signals import (
    AlarmState,
    Counted,
    Signal,
    Word,
    chance_of_more,
    of_alarms,
    of_errors,
)


def counted(requests: int, errors: int) -> Counted:
    return Counted(requests=requests, errors=errors)


def test_the_chance_is_that_of_fishers_exact_test() -> None:
    """The lady tasting tea: three of four cups told right by chance, 17 of 70; four, 1 of 70."""
    assert chance_of_more(counted(4, 4), counted(4, 0)) == pytest.approx(1 / 70)
    assert chance_of_more(counted(4, 3), counted(4, 1)) == pytest.approx(17 / 70)
    assert chance_of_more(counted(4, 0), counted(4, 4)) == pytest.approx(1)


@pytest.mark.parametrize(("a", "n", "b", "m"), [(3, 50, 1, 60), (0, 9, 2, 7), (12, 40, 9, 400)])
def test_the_chance_is_the_tail_of_the_hypergeometric_distribution(
    a: int, n: int, b: int, m: int
) -> None:
    every = comb(n + m, a + b)
    tail = sum(comb(n, k) * comb(m, a + b - k) for k in range(a, min(a + b, n) + 1))
    assert chance_of_more(counted(n, a), counted(m, b)) == pytest.approx(tail / every)


def test_large_numbers_are_no_trouble() -> None:
    many = counted(5_000_000, 5_000)
    assert chance_of_more(counted(500_000, 500), many) == pytest.approx(0.5, abs=0.02)
    assert chance_of_more(counted(500_000, 1_000), many) < 1e-30


@pytest.mark.parametrize(
    ("new", "old", "word"),
    [
        ((99, 99), (10_000, 0), Word.UNKNOWN),
        ((10_000, 0), (99, 0), Word.UNKNOWN),
        ((100, 0), (100, 0), Word.GOOD),
        ((100, 20), (900, 9), Word.BAD),
        # What both have is nobody's fault of the new ones.
        ((100, 20), (900, 180), Word.GOOD),
        ((1000, 3), (9000, 9), Word.GOOD),
        ((1000, 0), (1000, 500), Word.GOOD),
    ],
)
def test_errors_are_compared(new: tuple[int, int], old: tuple[int, int], word: Word) -> None:
    assert of_errors(counted(*new), counted(*old), 100).word is word


def test_what_it_says_has_the_numbers() -> None:
    said = of_errors(counted(100, 20), counted(900, 9), 100).why
    assert said.startswith(
        "errors (5xx): 20 of 100 (20.00 %) of the new servers, 9 of 900 (1.00 %)"
    )


@pytest.mark.parametrize(
    ("state", "without", "expected"),
    [
        (AlarmState.OK, 0, Signal(word=Word.GOOD)),
        (AlarmState.ALARM, 0, Signal(word=Word.BAD, why="alarm a is in ALARM")),
        (AlarmState.NO_DATA, 299, Signal(word=Word.UNKNOWN, why="alarm a has no data")),
        (AlarmState.NO_DATA, 300, Signal(word=Word.BAD, why="alarm a has had no data for 300 s")),
    ],
)
def test_an_alarm(state: AlarmState, without: float, expected: Signal) -> None:
    assert of_alarms({"a": state}, {"a": without}, 300) == [expected]
