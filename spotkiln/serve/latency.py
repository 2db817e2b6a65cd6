"""Latency: whether new servers answer more slowly than old ones, by their minutes.

CloudWatch keeps no single times of answers, only percentiles of a minute. So minutes are compared,
not requests.
"""

from collections.abc import Sequence
from math import comb
from statistics import median

from spotkiln.noun import Noun
from spotkiln.serve.signals import CHANCE, Signal, Word

PERCENTILE = "p90"
# A minute with fewer requests has no 90th percentile worth the name.
LEAST_IN_A_MINUTE = 10
# The last ones count. More of them make no difference, and cost time.
MOST_MINUTES = 30


class Minute(Noun):
    """What a target group's servers answered in a minute: how many requests, and the time within
    which 90 % of them were answered."""

    requests: int
    seconds: float


def of_latency(new: Sequence[Minute], old: Sequence[Minute], slower_percent: int) -> Signal:
    """Whether the minutes of the new servers are slower than those of the old ones by more than so
    many percent. Each sequence from the earliest minute to the last."""
    mine, theirs = (_worth_counting(one) for one in (new, old))
    if 1 / comb(len(mine) + len(theirs), len(mine)) >= CHANCE:
        why = (
            f"{len(mine)} minutes of the new servers and {len(theirs)} of the old ones are too few "
            "to compare latency"
        )
        return Signal(word=Word.UNKNOWN, why=why)
    allowed = [one * (1 + slower_percent / 100) for one in theirs]
    chance = chance_of_slower(mine, allowed)
    if chance < CHANCE:
        return Signal(
            word=Word.BAD,
            why=f"latency ({PERCENTILE}): {1000 * median(mine):.0f} ms of the new servers, "
            f"{1000 * median(theirs):.0f} ms of the old ones, {slower_percent} % more are allowed; "
            f"by chance that happens in {chance:.1g} of all cases",
        )
    return Signal(word=Word.GOOD)


def _worth_counting(minutes: Sequence[Minute]) -> list[float]:
    return [one.seconds for one in minutes if one.requests >= LEAST_IN_A_MINUTE][-MOST_MINUTES:]


def chance_of_slower(new: Sequence[float], old: Sequence[float]) -> float:
    """How likely the new values rank so high among all, or higher, if they are no larger than the
    old ones: the exact one-sided test of Mann and Whitney (On a test of whether one of two random
    variables is stochastically larger than the other, 1947). Of equal values the old one counts as
    the larger."""
    larger = sum(one > other for one in new for other in old)
    ways = _ways(len(new), len(old))
    return sum(ways[larger:]) / sum(ways)


def _ways(m: int, n: int) -> list[int]:
    """In how many orders of m new and n old values the new ones are the larger in 0, 1, 2 … pairs:
    the coefficients of the Gaussian binomial, the product of (1 - q^(n+i)) / (1 - q^i)."""
    size = m * n + 1
    ways = [1] + [0] * (size - 1)
    for i in range(1, m + 1):
        for at in range(size - 1, n + i - 1, -1):
            ways[at] -= ways[at - n - i]
        for at in range(i, size):
            ways[at] += ways[at - i]
    return ways
