"""Several releases at one target group: who waits, who goes first, who steps back."""

import pytest

from spotkiln.errors import GaveWay, InfrastructureError
from spotkiln.keep.lease import VISIBLE_SECONDS, Stage
from tests.unit.keep.leases import World, waits_for, world

__all__ = ["world"]


def test_the_marked_one_has_time_for_two_looks(world: World) -> None:
    """Who launches looks for the mark without waiting: the taker waits twice as long as a write
    may take to be seen."""
    world.holder("holder")
    taker = world.come("taker", takes=True)
    world.group.slept.clear()
    assert waits_for(taker) == []
    assert world.group.slept == [2 * VISIBLE_SECONDS, VISIBLE_SECONDS]


def test_who_comes_later_waits_and_then_has_the_turn(world: World) -> None:
    first, second = world.holder("first"), world.come("second")
    world.group.time += 1
    third = world.come("third")
    assert waits_for(third) == ["first", "second"]
    assert waits_for(second) == ["first"]
    first.end()
    assert waits_for(second) == []
    assert waits_for(third) == ["second"]


def test_of_two_that_claim_at_once_both_step_back_and_one_goes_on(world: World) -> None:
    """Both found nobody, and both wrote that they hold it."""
    first = world.come("first")
    tags = world.group.tags
    world.group.tags = {}
    second = world.come("second")
    world.group.tags |= tags
    assert waits_for(second) == ["first"]
    assert waits_for(first) == []
    assert waits_for(second) == ["first"]
    first.launch()


def test_two_holders_both_refuse_to_act(world: World) -> None:
    """However that came about."""
    first = world.holder("first")
    tags = world.group.tags
    world.group.tags = {}
    second = world.holder("second")
    world.group.tags |= tags
    for one in (first, second):
        with pytest.raises(InfrastructureError, match="holds it too"):
            one.launch()


def test_the_turn_is_taken_from_one_that_has_not_launched(world: World) -> None:
    holder, waiting = world.holder("holder"), world.come("waiting")
    taker = world.come("taker", takes=True)
    assert waits_for(taker) == []
    assert waits_for(waiting) == ["taker"]
    taker.launch()
    for step in (holder.check, holder.launch):
        with pytest.raises(GaveWay, match="gave way to taker, which took the turn before"):
            step()
    taker.check()


def test_the_one_that_gave_way_is_told_long_after_the_taker_has_ended(world: World) -> None:
    holder, taker = world.holder("holder"), world.come("taker", takes=True)
    assert waits_for(taker) == []
    taker.end()
    with pytest.raises(GaveWay):
        holder.launch()
    holder.end()
    assert world.group.tags == {}


def test_nobody_takes_the_turn_from_one_that_has_launched(world: World) -> None:
    holder = world.holder("holder")
    holder.launch()
    taker, waiting = world.come("taker", takes=True), world.come("waiting")
    assert waits_for(taker) == ["holder"]
    holder.check()
    holder.launch()
    holder.end()
    assert waits_for(taker) == []
    assert waits_for(waiting) == ["taker"]


def test_one_that_launches_while_the_turn_is_taken_is_waited_for(world: World) -> None:
    """It looked for the mark just before that was written."""
    holder, taker = world.holder("holder"), world.come("taker", takes=True)
    calls: list[str] = []

    def launches(call: str) -> None:
        calls.append(call)
        if calls == ["read", "write"]:
            holder.launch()

    world.group.before = launches
    assert waits_for(taker) == ["holder"]
    holder.check()
    assert world.group.stage("taker") is Stage.TAKES


def test_one_that_finds_the_mark_as_it_launches_steps_back(world: World) -> None:
    holder, taker = world.holder("holder"), world.come("taker", takes=True)
    calls: list[str] = []

    def marked(call: str) -> None:
        calls.append(call)
        if calls == ["read", "write"]:
            world.group.tags |= holder.lease.marked_by("taker")

    world.group.before = marked
    with pytest.raises(GaveWay):
        holder.launch()
    world.group.before = lambda _: None
    assert waits_for(taker) == []


def test_one_whose_mark_is_gone_again_launches_after_all(world: World) -> None:
    """Who took the turn has ended while this one stepped back: nobody may take it from now on."""
    holder = world.holder()
    calls: list[str] = []

    def marked_for_a_moment(call: str) -> None:
        calls.append(call)
        if calls == ["read", "write"]:
            world.group.tags |= holder.lease.marked_by("taker")
        if calls == ["read", "write", "read", "write"]:
            world.group.tags = {k: v for k, v in world.group.tags.items() if "taken" not in k}

    world.group.before = marked_for_a_moment
    holder.launch()
    assert world.group.stage("holder") is Stage.LAUNCHED


def test_to_launch_takes_one_look_before_and_one_after(world: World) -> None:
    holder = world.holder()
    calls: list[str] = []
    world.group.before = calls.append
    holder.launch()
    assert calls == ["read", "write", "read"]
    assert world.group.stage("holder") is Stage.LAUNCHED


def test_of_two_that_take_the_turn_the_later_one_has_it(world: World) -> None:
    world.holder("holder")
    first = world.come("first", takes=True)
    assert waits_for(first) == []
    second = world.come("second", takes=True)
    assert waits_for(second) == []
    with pytest.raises(GaveWay, match="gave way to second"):
        first.launch()
    second.launch()


def test_a_mark_on_one_that_ended_meanwhile_goes_with_the_taker(world: World) -> None:
    holder, taker = world.holder("holder"), world.come("taker", takes=True)
    calls: list[str] = []

    def ends(call: str) -> None:
        calls.append(call)
        if calls == ["read", "write"]:
            holder.end()

    world.group.before = ends
    assert waits_for(taker) == []
    assert len(world.group.tags) == 2
    taker.end()
    assert world.group.tags == {}
