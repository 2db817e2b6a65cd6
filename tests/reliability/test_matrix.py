"""A selection of the fault matrix; all of it is `python -m benchmarks.torture`."""

import pytest

from tests.reliability.cases import spread
from tests.reliability.load import Load
from tests.reliability.matrix import Matrix
from tests.reliability.scenarios import SCENARIOS, Fault, scenario_of
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


@pytest.mark.timeout(600)
def test_whatever_happens_at_a_call_nothing_is_left_and_the_servers_serve(
    world: World, load: Load
) -> None:
    matrix = Matrix(world, load)
    matrix.prepare()
    recorded = matrix.record_all(FAST)
    every = recorded.cases
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
def test_a_kill_while_a_fault_is_dealt_with_leaves_nothing_either(world: World, load: Load) -> None:
    matrix = Matrix(world, load)
    matrix.prepare()
    recorded = matrix.record_all(PAIRS)
    every = [x for x in recorded.cases if scenario_of(x.call.scenario).two_faults]
    assert {case.fault for case in every} == {Fault.KILL_AFTER, Fault.KILL_BEFORE}
    for scenario in PAIRS[1:]:
        mine = [case for case in every if case.call.scenario == scenario.name]
        for case in (mine[0], mine[len(mine) // 2]):
            outcome = matrix.play(case, recorded)
            print(f"{outcome.seconds:5.1f} s  {case}: {outcome.word}")
            assert outcome.passed, (outcome.case, outcome.word, outcome.problems)
