"""Whether there is room for another fleet, before money is spent."""

import pytest

from spotkiln.errors import InputError
from spotkiln.serve.quota import (
    Market,
    Room,
    forbids,
    is_standard,
    parts,
    require_room,
    shortfalls,
)
from spotkiln.serve.spec import FleetSpec

VCPUS = {"t3.micro": 2, "m5.xlarge": 4, "g4dn.xlarge": 4}
SPOT, ON_DEMAND = Market.SPOT, Market.ON_DEMAND


def spec(**changes: object) -> FleetSpec:
    return FleetSpec.model_validate(
        {"capacity": 4, "instance_types": ["t3.micro", "m5.xlarge"], **changes}
    )


@pytest.mark.parametrize(
    ("kind", "standard"),
    [
        ("t3.micro", True),
        ("m7gd.large", True),
        ("i4i.large", True),
        ("inf1.xlarge", False),
        ("g4dn.xlarge", False),
        ("trn1.2xlarge", False),
        ("hpc6a.48xlarge", False),
        ("u-6tb1.metal", False),
        ("x2gd.medium", False),
        ("dl1.24xlarge", False),
    ],
)
def test_the_standard_families(kind: str, standard: bool) -> None:
    assert is_standard(kind) is standard


def test_parts() -> None:
    assert parts(spec()) == {SPOT: 4}
    assert parts(spec(on_demand=1)) == {SPOT: 3, ON_DEMAND: 1}
    assert parts(spec(on_demand=4)) == {ON_DEMAND: 4}


def test_room_for_all() -> None:
    assert shortfalls(spec(), VCPUS, {SPOT: Room(limit=32, used=16)}) == []


def test_there_may_be_none_if_ec2_chooses_the_biggest() -> None:
    [found] = shortfalls(spec(), VCPUS, {SPOT: Room(limit=32, used=20)})
    assert (found.least, found.most, found.certain) == (8, 16, False)
    assert not forbids(spec(), found)
    assert str(found).startswith(
        "Spot quota L-34B43A08: 8 to 16 vCPUs are needed while the old servers run too, 12 are "
        "free (20 of 32 are in use); "
    )


def test_there_is_none_for_any_of_them() -> None:
    full = {SPOT: Room(limit=32, used=30)}
    [found] = shortfalls(spec(), VCPUS, full)
    assert found.certain
    assert forbids(spec(), found)
    # What else is allowed may do.
    assert not forbids(spec(on_demand_fallback=True), found)
    assert not forbids(spec(more_instance_types=["g4dn.xlarge"]), found)


def test_no_less_than_nothing_is_free() -> None:
    assert Room(limit=5, used=9).free == 0


def test_on_demand_has_no_other_way() -> None:
    wanted = spec(on_demand=4, on_demand_fallback=True)
    [found] = shortfalls(wanted, VCPUS, {ON_DEMAND: Room(limit=4, used=0)})
    assert found.market is ON_DEMAND
    assert forbids(wanted, found)


def test_other_families_are_counted_elsewhere() -> None:
    wanted = spec(instance_types=["g4dn.xlarge"])
    assert shortfalls(wanted, VCPUS, {SPOT: Room(limit=0, used=0)}) == []
    mixed = spec(instance_types=["g4dn.xlarge", "t3.micro"])
    [found] = shortfalls(mixed, VCPUS, {SPOT: Room(limit=0, used=0)})
    assert not found.certain


def test_what_was_not_looked_up_is_not_judged() -> None:
    assert shortfalls(spec(), VCPUS, {}) == []


def test_a_release_is_refused_where_the_launch_can_only_fail() -> None:
    maybe = shortfalls(spec(on_demand=2), VCPUS, {SPOT: Room(limit=32, used=26)})
    never = shortfalls(spec(on_demand=2), VCPUS, {ON_DEMAND: Room(limit=32, used=32)})
    with pytest.raises(InputError, match=r"^On-Demand quota L-1216C47A: 4 to 8 vCPUs"):
        require_room(spec(on_demand=2), [*maybe, *never], "", refuse=True)
    told = [str(one) for one in (*maybe, *never)]
    assert require_room(spec(on_demand=2), [*maybe, *never], "", refuse=False) == told
    assert require_room(spec(on_demand=2), maybe, "", refuse=True) == told[:1]


def test_quotas_that_cannot_be_looked_up_stop_no_release() -> None:
    assert require_room(spec(), [], "no right", refuse=True) == ["no right"]
    assert require_room(spec(), [], "", refuse=True) == []
