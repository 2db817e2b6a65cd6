"""The page of the fault matrix: what was played now, beside what was played before."""

from datetime import date

from tests.reliability.cases import Call, Case, Outcome, cases_of
from tests.reliability.scenarios import PACKER, PRODUCT, SCENARIOS, Fault, scenario_of
from tests.reliability.table import page, sections

DAY = date(2026, 2, 1)


def cases(scenario: str, *operations: str) -> list[Case]:
    return cases_of([Call(scenario, n, one, PRODUCT, 1) for n, one in enumerate(operations, 1)])


def played(found: list[Case], *problems: str) -> dict[str, Outcome]:
    return {str(x): Outcome(str(x), ended="released", problems=list(problems)) for x in found}


def test_a_part_says_when_it_was_played_and_what_was_not() -> None:
    found = cases("release", "CreateTags", "RunInstances")
    done = played(found[:-1])
    parts = sections(page(found, done, DAY))
    told = parts.pop("Release")
    assert set(parts.values()) == {"Not played yet."}
    kinds = len(found) // 2
    assert told.startswith(
        f"On 2026-02-01: {2 * kinds} cases of 2 calls, {2 * kinds - 1} played, 0 failed, 1 not "
        f"played. {2 * kinds - 1} released.\n"
    )
    assert told.endswith("| not played |")


def test_scenarios_that_were_not_played_now_stay_as_they_are() -> None:
    layer, release = cases("release with a layer", "CreateImage"), cases("release", "CreateTags")
    before = page(release, played(release), DAY)
    now = page(layer, played(layer), date(2026, 3, 1), before)
    parts = sections(now)
    assert parts["Release"] == sections(before)["Release"]
    assert parts["Release with a layer"].startswith("On 2026-03-01: ")
    # In the order of the scenarios, whichever was played when.
    assert list(parts) == [one.name.capitalize() for one in SCENARIOS]
    assert page(layer, played(layer), date(2026, 3, 1), now) == now


def test_what_failed_is_told_as_long_as_it_is_the_newest() -> None:
    found = cases("release", "CreateTags")
    failed = page(found, played(found, "left: fleets sfr-1"), DAY)
    assert "left: fleets sfr-1" in sections(failed)["What failed"]
    assert "What failed" not in page(found, played(found), DAY, failed)


def test_a_fault_that_a_call_cannot_meet_has_no_cell() -> None:
    assert Fault.KILL_FLOW not in {one.fault for one in cases("release", "CreateTags")}
    of_packer = cases_of([Call("release", 1, "RunInstances", PACKER, 1)])
    assert {one.fault for one in of_packer} == scenario_of("release").faults
