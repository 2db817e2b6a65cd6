"""Latency: whether the minutes of new servers are slower than those of old ones."""

from collections.abc import Sequence
from itertools import combinations
from random import Random

import pytest

from spotkiln.serve.latency import Minute, chance_of_slower, of_latency
from spotkiln.serve.signals import Word


def minutes(*milliseconds: float, requests: int = 100) -> list[Minute]:
    return [Minute(requests=requests, seconds=one / 1000) for one in milliseconds]


OLD = minutes(100, 104, 96, 99, 101, 103, 98, 102, 97, 105)


@pytest.mark.parametrize(
    ("new", "old"), [([1.0, 5.0, 9.0], [2.0, 3.0, 4.0, 8.0]), ([9.0, 8.0], [1.0, 2.0]), ([1.0], [])]
)
def test_the_chance_is_the_share_of_all_orders_that_are_as_high(
    new: Sequence[float], old: Sequence[float]
) -> None:
    """By trying every way to call so many of all values the new ones."""

    def larger(mine: Sequence[float], theirs: Sequence[float]) -> int:
        return sum(one > other for one in mine for other in theirs)

    every = [*new, *old]
    seen = larger(new, old)
    tries = [
        larger([every[at] for at in chosen], [x for at, x in enumerate(every) if at not in chosen])
        for chosen in combinations(range(len(every)), len(new))
    ]
    expected = sum(one >= seen for one in tries) / len(tries)
    assert chance_of_slower(new, old) == pytest.approx(expected)


def test_published_tail_of_the_test() -> None:
    """All of 5 above all of 5: 1 of 252; the critical value of U for 0.05, one-sided, is 4."""
    assert chance_of_slower([6, 7, 8, 9, 10], [1, 2, 3, 4, 5]) == pytest.approx(1 / 252)
    assert chance_of_slower([4, 7, 8, 9, 10], [1, 2, 3, 5, 6]) < 0.05
    assert chance_of_slower([1, 7, 8, 9, 10], [2, 3, 4, 5, 6]) > 0.05


@pytest.mark.parametrize(
    ("new", "percent", "word"),
    [
        (minutes(140, 150, 145, 160), 20, Word.BAD),
        # More, but not by so much.
        (minutes(110, 115, 112, 118), 20, Word.GOOD),
        (minutes(110, 115, 112, 118), 0, Word.BAD),
        (minutes(90, 91, 92, 93), 20, Word.GOOD),
        # One bad minute is none of four.
        (minutes(99, 2000, 101, 102), 20, Word.GOOD),
        (minutes(500, 600), 20, Word.UNKNOWN),
        (minutes(500, 600, 700, 800, requests=9), 20, Word.UNKNOWN),
        ([], 20, Word.UNKNOWN),
    ],
)
def test_what_minutes_say(new: list[Minute], percent: int, word: Word) -> None:
    assert of_latency(new, OLD, percent).word is word


def test_it_says_how_much_for_people() -> None:
    found = of_latency(minutes(140, 150, 145, 160), OLD, 20)
    assert found.why.startswith(
        "latency (p90): 148 ms of the new servers, 100 ms of the old ones, 20 % more are allowed"
    )
    assert "2 minutes of the new servers and 10 of the old ones" in (
        of_latency(minutes(500, 600), OLD, 20).why
    )


def test_servers_that_are_alike_are_seldom_told_apart() -> None:
    """One look in a thousand, without any percentage allowed; here there are 2,000."""
    random = Random(7)
    bad = 0
    for _ in range(2000):
        times = [random.lognormvariate(4.6, 0.3) for _ in range(20)]
        bad += of_latency(minutes(*times[:8]), minutes(*times[8:]), 0).word is Word.BAD
    assert bad <= 6


def test_hours_of_minutes_are_no_trouble() -> None:
    assert of_latency(minutes(*range(100, 1000)), minutes(*range(100, 1000)), 0).word is Word.GOOD
