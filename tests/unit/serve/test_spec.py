"""How many servers are asked for, and what after an attempt without capacity."""

from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.serve.spec import FleetSpec, next_attempt

# What people ask for.


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"capacity": 0}, "greater than or equal to 1"),
        ({"capacity": 1001}, "less than or equal to 1000"),
        ({"capacity": 3, "most": 2}, "most is 2, less than the capacity of 3"),
        ({"capacity": 2, "on_demand": 3}, "on_demand is 3, more than the whole capacity of 2"),
        ({"on_demand": -1}, "greater than or equal to 0"),
        ({"instance_types": []}, "at least 1 item"),
        ({"attributes": {"vcpus": 2}}, "both vcpus and memory_gib"),
        ({"attributes": {"burstable": True}}, "both vcpus and memory_gib"),
        (
            {"attributes": {"vcpus": 4, "most_vcpus": 2, "memory_gib": 4}},
            "most_vcpus is 2, less than vcpus, which is 4",
        ),
        (
            {"attributes": {"vcpus": 2, "memory_gib": 4}, "instance_types": ["m5.large"]},
            "instance_types or attributes, got both",
        ),
        (
            {"attributes": {"vcpus": 2, "memory_gib": 4}, "more_instance_types": ["m5.large"]},
            "leave m5.large out",
        ),
        ({"instance_types": ["t3.micro", "t3.micro"]}, "name one twice"),
        ({"allocation_strategy": "cheapest"}, "priceCapacityOptimized"),
        ({"capacty": 3}, "Extra inputs are not permitted"),
    ],
)
def test_a_bad_fleet_is_refused(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FleetSpec.model_validate(bad)


# What is asked for after Spot had no capacity in time.


def test_first_the_other_types_are_allowed_too_then_on_demand() -> None:
    first = FleetSpec(
        instance_types=["t3.micro"],
        more_instance_types=["t3.small", "m5.large"],
        capacity=3,
        on_demand_fallback=True,
    )
    second = next_attempt(first, 1)
    assert second is not None
    assert second.instance_types == ["t3.micro", "t3.small", "m5.large"]
    assert (second.on_demand, second.capacity) == (0, 3)
    third = next_attempt(second, 1)
    assert third is not None
    assert (third.on_demand, third.instance_types) == (2, second.instance_types)
    assert third.in_words == "3 of t3.micro, t3.small, m5.large, 2 of them On-Demand"


@pytest.mark.parametrize(("live", "on_demand"), [(0, 3), (2, 1), (3, 1)])
def test_on_demand_is_for_the_missing_part(live: int, on_demand: int) -> None:
    """Of a fleet that was complete for a moment, and late all the same, at least one."""
    found = next_attempt(FleetSpec(capacity=3, on_demand_fallback=True), live)
    assert found is not None
    assert found.on_demand == on_demand


@pytest.mark.parametrize(
    "spec",
    [FleetSpec(), FleetSpec(capacity=2, on_demand=2, on_demand_fallback=True)],
)
def test_nothing_is_left_to_try(spec: FleetSpec) -> None:
    assert next_attempt(spec, 0) is None
