"""How many servers are asked for, when what serves may have been scaled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.serve.capacity import scaled_to, size
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.nouns import START


def serving(capacity: int, asked: int | None = None) -> Fleet:
    """A fleet of this target capacity, of which its deployment asked for `asked`."""
    fleet = nouns.fleet(capacity=capacity)
    marks = {} if asked is None else {t.CAPACITY: str(asked)}
    return fleet.model_copy(update={"tags": {**fleet.tags, **marks}})


@pytest.mark.parametrize(
    ("fleet", "scaled"),
    [(serving(2, 2), 0), (serving(6, 2), 6), (serving(1, 2), 1), (serving(4), 4)],
)
def test_scaled_is_what_nobody_deployed(fleet: Fleet, scaled: int) -> None:
    assert scaled_to(fleet) == scaled


@pytest.mark.parametrize(
    ("fleets", "capacity", "why"),
    [
        ([], 2, ""),
        ([serving(2, 2)], 2, ""),
        # The deployment asks for less than before: nobody has scaled it.
        ([serving(5, 5)], 2, ""),
        ([serving(6, 2)], 6, "as many as serve now; 2 are asked for"),
        ([serving(9, 2)], 8, "9 serve now, at most 8 are allowed"),
        # The least is the least.
        ([serving(1, 2)], 2, ""),
        # Of several that are replaced all count.
        ([serving(2, 2), serving(3)], 5, "as many as serve now; 2 are asked for"),
        ([serving(4, 2), serving(3)], 7, "as many as serve now; 2 are asked for"),
    ],
)
def test_at_least_what_serves(fleets: list[Fleet], capacity: int, why: str) -> None:
    found = size(FleetSpec(capacity=2, most=8), fleets, START)
    assert (found.spec.capacity, found.why) == (capacity, why)
    assert found.spec.model_copy(update={"capacity": 2}) == FleetSpec(capacity=2, most=8)


def test_in_words() -> None:
    spec = FleetSpec(instance_types=["t3.micro"], on_demand=1)
    assert size(spec, [], START).in_words == "2 of t3.micro, 1 of them On-Demand"
    assert size(spec, [serving(6, 2)], START).in_words == (
        "6 of t3.micro, 1 of them On-Demand: as many as serve now; 2 are asked for"
    )


@given(
    asked=st.integers(1, 50),
    more=st.integers(0, 50),
    before=st.integers(1, 50),
    now=st.integers(1, 120),
)
def test_within_bounds_and_stable(asked: int, more: int, before: int, now: int) -> None:
    spec = FleetSpec(capacity=asked, most=asked + more)
    first = size(spec, [serving(now, before)], START).spec
    assert spec.capacity <= first.capacity <= spec.most
    # What was asked for in its place is replaced by as many again.
    assert size(spec, [serving(first.capacity, asked)], START).spec.capacity == first.capacity
    FleetSpec.model_validate(first.model_dump())
