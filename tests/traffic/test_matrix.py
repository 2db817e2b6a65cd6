"""Whatever happens at a call that gives requests to somebody else: they all go to servers that are
whole, nothing is left, and the next release succeeds. All along nobody who visits loses one.
LONG=1 in the environment plays every case."""

import os
from collections.abc import Iterator

import pytest

from tests.reliability.cases import Call, Case, Recorded, cases_of, shifting
from tests.reliability.load import Load
from tests.reliability.matrix import Matrix
from tests.reliability.scenarios import Fault, scenario_of
from tests.traffic.pair import Pair

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

# The note alone, and the promotion. With one rule of two set tests/traffic/test_kills.py kills, and
# test_traffic.py has one refused.
SHORT = [
    (0, Fault.KILL_AFTER),
    (5, Fault.KILL_AFTER),
]


@pytest.fixture
def matrix(pair: Pair) -> Iterator[Matrix]:
    with Load(pair.world.box.load_balancer("website"), 0.05) as load:
        yield Matrix(pair.world, load)


def chosen(every: list[Case], calls: list[Call]) -> list[Case]:
    if os.environ.get("LONG"):
        return every
    wanted = [(calls[at], fault) for at, fault in SHORT]
    return [one for one in every if (one.call, one.fault) in wanted]


@pytest.mark.timeout(900)
def test_of_a_release_in_steps(matrix: Matrix) -> None:
    calls = shifting(matrix.record(scenario_of("release in steps")))
    step = ["ModifyRule", "ModifyListener"]
    words = [one.operation for one in calls]
    assert words == ["AddTags", *step, *step, "CreateTags", "RemoveTags"]
    every = cases_of(calls)
    recorded = Recorded(every, {"release in steps": calls[-1].index + 1})
    failed = {}
    for case in chosen(every, calls):
        outcome = matrix.play(case, recorded)
        print(f"{outcome.seconds:5.1f} s  {case}: {outcome.word}, {outcome.ended}")
        if not outcome.passed:
            failed[outcome.case] = [outcome.word, *outcome.problems]
    assert failed == {}
