"""A selection of the fault matrix; all of it is `python -m benchmarks.torture`."""

import pytest

from tests.reliability.cases import Case, Recorded, spread
from tests.reliability.load import Load
from tests.reliability.matrix import Matrix
from tests.reliability.scenarios import SCENARIOS, Fault, Scenario
from tests.reliability.world import World

CASES = len(Fault)
# The others take their time to be recorded.
PAIRS = [
    one
    for one in SCENARIOS
    if one.name in {"release", "a fleet that was refused", "a release after a killed one"}
]
FAST = [
    one
    for one in SCENARIOS
    if one.name in {"release", "release that migrates", "sick servers", "rollback"}
]


@pytest.fixture(scope="module")
def recorded(running_world: World) -> Recorded:
    """Of all scenarios here; so the first one is recorded once."""
    matrix = Matrix(running_world, Load(running_world.box.load_balancer("website")))
    matrix.prepare()
    return matrix.record_all([*FAST, *PAIRS[1:]])


def of(scenarios: list[Scenario], recorded: Recorded) -> list[Case]:
    names = {one.name for one in scenarios}
    return [one for one in recorded.cases if one.call.scenario in names]


@pytest.mark.timeout(600)
def test_whatever_happens_at_a_call_nothing_is_left_and_the_servers_serve(
    recorded: Recorded, world: World, load: Load
) -> None:
    matrix = Matrix(world, load)
    every = of(FAST, recorded)
    operations = {(case.call.who, case.call.operation) for case in every}
    # The record is of real releases, with all that they change.
    assert ("Packer", "RunInstances") in operations
    assert ("Spotkiln", "RequestSpotFleet") in operations
    assert ("Spotkiln", "DeregisterTargets") in operations
    migrating = [x.call for x in every if x.call.scenario == "release that migrates"]
    # Only what it does more than one that does not: Packer's machine, and the way into it.
    assert [x.operation for x in migrating if x.who == "Packer"].count("RunInstances") == len(Fault)
    assert not [x for x in migrating if x.operation == "RequestSpotFleet"]
    chosen = spread(every, CASES)
    assert {case.fault for case in chosen} == set(Fault)
    failed = {}
    for case in chosen:
        outcome = matrix.play(case, recorded)
        print(f"{outcome.seconds:5.1f} s  {case}: {outcome.word}")
        if not outcome.passed:
            failed[outcome.case] = [outcome.word, *outcome.problems]
    assert failed == {}


@pytest.mark.timeout(600)
def test_a_kill_while_a_fault_is_dealt_with_leaves_nothing_either(
    recorded: Recorded, world: World, load: Load
) -> None:
    """One at the first call of what is done about it, one half-way."""
    matrix = Matrix(world, load)
    assert {case.fault for case in of(PAIRS[1:], recorded)} == {Fault.KILL_AFTER, Fault.KILL_BEFORE}
    for number, scenario in enumerate(PAIRS[1:]):
        mine = of([scenario], recorded)
        case = mine[number * len(mine) // len(PAIRS[1:])]
        outcome = matrix.play(case, recorded)
        print(f"{outcome.seconds:5.1f} s  {case}: {outcome.word}")
        assert outcome.passed, (outcome.case, outcome.word, outcome.problems)
