"""Where the second of two faults can strike."""

from tests.reliability.cases import Call, before, between, cases_of, second_calls
from tests.reliability.scenarios import PACKER, PRODUCT, SCENARIOS, Fault, Met


def calls(scenario: str, operations: str) -> list[Call]:
    """Each letter is an operation of ours."""
    return [
        Call(scenario, index, name, PRODUCT, operations[:index].count(name))
        for index, name in enumerate(operations, start=1)
    ]


def words(found: list[Call]) -> str:
    return "".join(one.operation for one in found)


def test_what_a_scenario_does_more_where_it_ends_the_same() -> None:
    first = calls("release", "abcdef")
    assert words(between(calls("x", "abXYcdef"), first)) == "XY"
    assert words(between(calls("x", "abcXYZ"), first)) == "XYZ"
    assert words(between(calls("x", "abcccdef"), first)) == "cc"
    assert between(first, first) == []


def test_what_it_does_more_may_begin_as_what_follows() -> None:
    first = calls("release", "abcdef")
    # Of a layer's bake and the image's the first.
    again = before(calls("x", "abcdXbcdef"), first)
    assert [(one.operation, one.index) for one in again] == [
        ("b", 2), ("c", 3), ("d", 4), ("X", 5),
    ]  # fmt: skip
    assert before(first, first) == []


def test_only_what_comes_after_the_first_fault_is_struck() -> None:
    first = calls("release", "abcdef")
    met = Met("d", 1, Fault.ERROR)
    assert words(second_calls(calls("x", "XdYZf"), first, met)) == "YZ"
    assert words(second_calls(calls("x", "XdYZf"), first, None)) == "XdYZ"


def test_a_second_fault_is_a_kill_and_a_first_one_is_any() -> None:
    pairs = [one for one in SCENARIOS if one.two_faults]
    assert pairs
    for scenario in SCENARIOS:
        found = {x.fault for x in cases_of([Call(scenario.name, 1, "x", PACKER, 1)])}
        kills = {Fault.KILL_AFTER, Fault.KILL_BEFORE}
        assert found == (kills if scenario in pairs else set(Fault))
