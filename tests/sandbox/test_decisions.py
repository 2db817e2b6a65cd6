"""What the sandbox decides without a clock or a network: pools, health, scripts."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.balancing.health import HealthCheck, judge
from sandbox.fleets.pools import Pool, allocate
from sandbox.machines.protocol import ProbeResult
from sandbox.machines.scripts import Scripts, Subject, behaviour
from sandbox.state import capacity
from sandbox.state.records import InstanceRecord, State, Target

ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")


def pool(kind: str = "t3.micro", zone: str = "eu-west-1a", **more: Any) -> Pool:
    return Pool(kind, zone, f"subnet-{zone[-1]}", "ami-1", **more)


def place(pools: list[Pool], units: float, strategy: str, **more: Any) -> list[str]:
    free = more.pop("free", {})
    launches = allocate(
        pools,
        units,
        strategy=strategy,
        held=more.pop("held", {}),
        free={one.key: free.get(one.key) for one in pools},
        **more,
    )
    return [one.key for one in launches.pools]


def test_lowest_price_takes_the_cheapest_pools_only() -> None:
    pools = [pool(zone=zone) for zone in ZONES]
    cheapest = min(pools, key=lambda one: one.price_per_unit)
    assert set(place(pools, 4, "lowestPrice")) == {cheapest.key}
    assert len(set(place(pools, 4, "lowestPrice", pools_to_use=2))) == 2


def test_diversified_spreads_over_all_and_counts_what_is_there() -> None:
    pools = [pool(zone=zone) for zone in ZONES]
    assert sorted(place(pools, 3, "diversified")) == [one.key for one in pools]
    held = {pools[0].key: 1, pools[1].key: 1}
    assert place(pools, 1, "diversified", held=held) == [pools[2].key]


def test_capacity_optimized_goes_where_there_is_most() -> None:
    pools = [pool(zone=zone) for zone in ZONES]
    free = {pools[0].key: 1, pools[1].key: 9, pools[2].key: 3}
    assert place(pools, 2, "capacityOptimized", free=free) == [pools[1].key] * 2


def test_priorities_come_first_where_asked_for() -> None:
    pools = [pool("t3.small", priority=2.0), pool("t3.micro", priority=1.0)]
    assert place(pools, 1, "capacityOptimizedPrioritized") == [pools[1].key]


def test_price_and_capacity_leaves_out_the_expensive() -> None:
    pools = [pool("t3.micro"), pool("t3.micro", "eu-west-1b"), pool("m5.4xlarge")]
    assert "m5.4xlarge/eu-west-1a" not in place(pools, 6, "priceCapacityOptimized")
    assert len(set(place(pools, 6, "priceCapacityOptimized"))) == 2


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=3),
    st.integers(0, 12),
    st.sampled_from(
        [
            "lowestPrice",
            "diversified",
            "capacityOptimized",
            "capacityOptimizedPrioritized",
            "priceCapacityOptimized",
        ]
    ),
)
def test_no_strategy_exceeds_a_pool_or_leaves_room_unused(
    room: list[int], units: int, strategy: str
) -> None:
    pools = [pool(zone=ZONES[number]) for number in range(len(room))]
    free = {one.key: limit for one, limit in zip(pools, room, strict=True)}
    launches = allocate(pools, units, strategy=strategy, held={}, free=dict(free))
    for one in pools:
        assert [x.key for x in launches.pools].count(one.key) <= free[one.key]
    assert len(launches.pools) == min(units, sum(room))
    assert launches.missing == units - len(launches.pools)
    assert bool(launches.exhausted) == (launches.missing > 0)


def test_limits_count_what_runs_in_their_market_type_and_zone() -> None:
    state = State()
    state.instances = {
        "i-1": InstanceRecord("i-1", spot=True, pool="t3.micro/eu-west-1a"),
        "i-2": InstanceRecord("i-2", spot=False, pool="t3.micro/eu-west-1a"),
        "i-3": InstanceRecord("i-3", spot=True, pool="t3.small/eu-west-1a", intent="terminate"),
    }
    state.capacity = {"spot:*/eu-west-1a": 3, "*:t3.micro/*": 2}
    assert capacity.free(state, "t3.small/eu-west-1a", spot=True) == 2
    assert capacity.free(state, "t3.micro/eu-west-1a", spot=True) == 0
    assert capacity.free(state, "t3.small/eu-west-1b", spot=True) is None
    assert capacity.free(state, "t3.small/eu-west-1a", spot=False) is None


# -- health --


def check(**changes: Any) -> HealthCheck:
    settings = {
        "path": "/up",
        "port": None,
        "interval": 5.0,
        "timeout": 2.0,
        "healthy": 3,
        "unhealthy": 2,
        "matcher": "200",
    }
    return HealthCheck(**{**settings, **changes})


def states(codes: list[int], **changes: Any) -> list[str]:
    target = Target("i-1", 3000, registered_at=0.0)
    seen: list[str] = []
    for code in codes:
        judge(target, check(**changes), ProbeResult(code=code))
        seen.append(target.state)
    return seen


def test_one_pass_is_enough_for_a_new_target() -> None:
    assert states([200]) == ["healthy"]
    assert states([500, 200]) == ["initial", "healthy"]


def test_failures_and_passes_must_be_consecutive() -> None:
    assert states([200, 500, 200, 500, 500]) == [*["healthy"] * 4, "unhealthy"]
    assert states([500, 500, 200, 200, 500, 200, 200, 200])[-4:] == [*["unhealthy"] * 3, "healthy"]


@pytest.mark.parametrize(
    ("matcher", "code", "fits"),
    [("200", 200, True), ("200", 201, False), ("200-299", 204, True), ("200,302", 302, True)],
)
def test_matchers(matcher: str, code: int, fits: bool) -> None:
    assert check(matcher=matcher).accepts(code) is fits


# -- scripts --


def test_later_rules_win_property_by_property() -> None:
    scripts = Scripts()
    scripts.add({"boot_seconds": 1, "health": 500})
    scripts.add({"match": {"name": "demo *"}, "health": 200})
    scripts.add({"match": {"spotkiln:commit": "abc*"}, "tests": "red"})
    subject = Subject("ami-1", "demo 1", {"spotkiln:commit": "abcdef"})
    assert scripts.properties(subject) == {"boot_seconds": 1, "health": 200, "tests": "red"}
    assert scripts.properties(Subject("ami-2", "other")) == {"boot_seconds": 1, "health": 500}


def test_a_rule_can_be_for_the_first_machines_only() -> None:
    scripts = Scripts()
    scripts.add({"times": 1, "health": 500})
    first, second = Subject("ami-1", instance_id="i-1"), Subject("ami-1", instance_id="i-2")
    assert scripts.properties(first) == {"health": 500}
    assert scripts.properties(second) == {}
    assert scripts.properties(first) == {"health": 500}


def test_health_over_time() -> None:
    sick = behaviour(
        {"health": [{"after": 30, "code": 500}, {"after": 0, "code": 200}], "crash_after": 60}
    )
    assert [sick.answer(at) for at in (0, 29, 30, 59, 60)] == [200, 200, 500, 500, "refused"]


@pytest.mark.parametrize("rule", [{"health": "ill"}, {"boot_seconds": "soon"}])
def test_a_rule_that_means_nothing_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(rule))):
        Scripts().add(rule)


def test_prices_differ_and_stay() -> None:
    some = [pool(kind, zone) for kind in ("t3.micro", "c5.large") for zone in ZONES]
    random.shuffle(some)
    assert len({one.price_per_unit for one in some}) == len(some)
    assert pool(weight=2.0).price_per_unit == pool().price_per_unit / 2
