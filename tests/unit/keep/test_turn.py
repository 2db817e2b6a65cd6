"""Waiting for one's turn at a target group, and giving it back."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from spotkiln.errors import DeadlineExceeded, GaveWay, InfrastructureError
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.keep.lease import DURATION, RENEW, Stage
from spotkiln.keep.turn import WAIT_SECONDS, one_at_a_time, wait_for_turn
from tests.unit.keep.leases import Clock, World, world

__all__ = ["world"]


class Awake(Clock):
    """Time in which some go on renewing their lease, as their threads do."""

    def __init__(self, world: World, *beats: Heartbeat) -> None:
        super().__init__(world.group)
        self._world, self._beats = world, beats

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        for one in self._beats:
            if one.lease.until - self._world.group.now() < DURATION - RENEW:
                one.renew()


class Waits:
    """One that waits for its turn, and what it said and showed meanwhile."""

    def __init__(self, world: World, *awake: Heartbeat) -> None:
        self.clock = Awake(world, *awake)
        self.said: list[str] = []
        self.shown: list[float] = []

    def wait(self, turn: Heartbeat) -> None:
        wait_for_turn(
            turn, "website", clock=self.clock, say=self.said.append, progress=self.shown.append
        )


def when(world: World, seconds: float, do: Callable[[], None]) -> None:
    """Do something once so much time has passed; all live until then."""
    todo = [do]

    def before(call: str) -> None:
        if call == "read" and world.group.time >= seconds and todo:
            todo.pop()()

    world.group.before = before


def test_alone_there_is_nothing_to_wait_for_and_nothing_to_show(world: World) -> None:
    mine = Waits(world)
    mine.wait(world.come("mine"))
    assert (mine.said, mine.shown) == ([], [])
    assert world.group.stage("mine") is Stage.HOLDS


def test_it_goes_on_once_those_before_it_have_ended(world: World) -> None:
    first, second = world.holder("first"), world.come("second")
    third, mine = world.come("third"), Waits(world)

    def ends(one: Heartbeat, then: Callable[[], None] = lambda: None) -> Callable[[], None]:
        def end() -> None:
            one.end()
            then()

        return end

    when(world, 20, ends(first, lambda: when(world, 40, ends(second))))
    mine.wait(third)
    assert mine.said == [
        "waiting: first, second is before us at website",
        "waiting: second is before us at website",
    ]
    assert mine.shown == [0, 50, 100]
    assert 40 <= world.group.time < DURATION.total_seconds()
    third.check()


def test_one_that_died_is_not_waited_for_longer_than_its_lease(world: World) -> None:
    world.holder("dead")
    mine = world.come("mine")
    Waits(world, mine).wait(mine)
    assert DURATION.total_seconds() <= world.group.time < DURATION.total_seconds() + 30
    assert world.group.stage("mine") is Stage.HOLDS


def test_six_hours_are_enough(world: World) -> None:
    held, mine = world.holder("held"), world.come("mine")
    waits = Waits(world, held, mine)
    with pytest.raises(DeadlineExceeded, match=r"turn at target group website; last seen: held"):
        waits.wait(mine)
    assert WAIT_SECONDS <= world.group.time < WAIT_SECONDS + 60
    # It was said once, though it was looked at a thousand times.
    assert (len(waits.said), waits.shown) == (1, [0])


def hold(
    world: World,
    release: str,
    *,
    take_turn: bool = False,
    wait: Callable[[Heartbeat], None] | None = None,
) -> AbstractContextManager[Heartbeat]:
    return one_at_a_time(
        world.group,
        release,
        f"run-of-{release}",
        take_turn=take_turn,
        wait=wait or Waits(world).wait,
        ended=world.known,
        clock=Clock(world.group),
        say=lambda *x: world.said.append(x),
    )


def test_held_while_the_block_runs_and_given_back_after_it(world: World) -> None:
    with hold(world, "mine") as turn:
        assert world.group.stage("mine") is Stage.HOLDS
        turn.launch()
        assert world.group.stage("mine") is Stage.LAUNCHED
    assert world.group.tags == {}
    with pytest.raises(InfrastructureError, match="its run has ended"):
        turn.check()


@pytest.mark.parametrize("error", [ValueError("red"), KeyboardInterrupt()])
def test_given_back_whatever_happens(world: World, error: BaseException) -> None:
    with pytest.raises(type(error)), hold(world, "mine"):
        raise error
    assert world.group.tags == {}


def test_given_back_if_its_turn_never_came(world: World) -> None:
    held = world.holder("held")

    def interrupted(_: Heartbeat) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), hold(world, "mine", wait=interrupted):
        raise AssertionError("the block ran")
    assert [one.release for one in world.group.read()] == ["held"]
    held.check()


def test_a_rollback_that_takes_the_turn_waits_for_none_that_has_not_launched(world: World) -> None:
    release = world.holder("release")
    with hold(world, "rollback", take_turn=True) as turn:
        turn.launch()
        with pytest.raises(GaveWay, match="gave way to rollback"):
            release.check()
    # The mark that it set goes with it, once the other has gone.
    release.end()
    assert world.group.tags == {}
