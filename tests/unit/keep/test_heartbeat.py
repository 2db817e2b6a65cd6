"""A lease as it is held: renewed, taken, lost for good."""

import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

import pytest

from spotkiln.errors import InfrastructureError
from spotkiln.keep import heartbeat
from spotkiln.keep.lease import VISIBLE_SECONDS, Stage
from tests.unit.keep.leases import LATE, SOON, World, waits_for, world

__all__ = ["world"]

# -- alone --


def test_alone_it_holds_at_once_and_has_waited_only_once(world: World) -> None:
    one = world.holder()
    one.check()
    assert world.group.slept == [VISIBLE_SECONDS]
    one.launch()
    one.check()
    assert world.group.stage("holder") is Stage.LAUNCHED
    one.end()
    assert world.group.tags == {}


def test_renewed_in_time_it_lives_on(world: World) -> None:
    one = world.holder()
    for _ in range(20):
        world.group.time += SOON
        assert one.renew()
    one.check()
    assert world.said == []


# -- lost --


def test_a_renewal_after_its_end_does_not_revive_it(world: World) -> None:
    one = world.holder()
    world.group.time += LATE
    one.renew()
    with pytest.raises(InfrastructureError, match=r"no longer holds .* ended at .* AWS's clock"):
        one.check()
    assert world.said[0][1] == logging.ERROR
    (left,) = world.group.read()
    assert not left.fresh(world.group.now())


def test_a_loss_is_final_whatever_it_renews(world: World) -> None:
    one = world.holder()
    world.group.time += LATE
    with pytest.raises(InfrastructureError, match="no longer holds"):
        one.check()
    # AWS's clock is put back, the tag made new: this run does not come back to life.
    world.group.time = 1
    one.renew()
    for step in (one.check, one.launch, one.try_turn):
        with pytest.raises(InfrastructureError, match="no longer holds"):
            step()


def test_a_write_that_comes_after_its_end_revives_nothing(world: World) -> None:
    """The machine fell asleep between the look at its lease and the call that renews it."""
    one = world.holder()
    world.group.time += LATE - 51

    def asleep(call: str) -> None:
        if call == "write":
            world.group.time += 60
            world.group.before = lambda _: None

    world.group.before = asleep
    one.renew()
    (left,) = world.group.read()
    assert not left.fresh(world.group.now())
    with pytest.raises(InfrastructureError, match="ended at"):
        one.check()


def test_without_its_tag_it_was_taken_for_dead(world: World) -> None:
    one = world.holder()
    world.group.remove([one.lease])
    world.group.time += SOON
    one.renew()
    assert world.group.tags == {}
    with pytest.raises(InfrastructureError, match="taken for dead"):
        one.check()


def test_a_tag_that_somebody_changed_is_not_its_own(world: World) -> None:
    one = world.holder()
    world.group.write({one.lease.key: one.lease.to_tag().replace("holds", "waits")})
    with pytest.raises(InfrastructureError, match="not what it wrote"):
        one.check()


def test_a_read_that_is_a_moment_old_is_no_loss(world: World) -> None:
    one = world.holder()
    old = world.group.tags.copy()
    world.group.time += SOON
    one.renew()
    new = world.group.tags.copy()
    world.group.tags = old
    reads: list[str] = []

    def seen(call: str) -> None:
        reads.append(call)
        if len(reads) == 2:
            world.group.tags = new

    world.group.before = seen
    one.check()
    assert reads.count("read") == 2


def test_an_answer_that_was_lost_is_no_loss(world: World) -> None:
    """It was written, or was not: both are this run's."""
    one = world.holder()
    world.group.time += SOON
    real = world.group.write

    def lost(tags: Mapping[str, str]) -> None:
        real(tags)
        raise InfrastructureError("AddTags: no answer")

    world.group.write = lost  # type: ignore[method-assign]
    one.renew()
    world.group.write = real  # type: ignore[method-assign]
    text, level = world.said[0]
    assert level == logging.WARNING
    assert "not renewed: AddTags: no answer; it ends at 12:05:00 UTC" in text
    one.check()
    one.renew()
    one.check()


def test_who_prefect_takes_for_dead_acts_no_more(world: World) -> None:
    one = world.holder()
    world.ended = {"run-of-holder"}
    with pytest.raises(InfrastructureError, match="its run run-of-holder has ended"):
        one.check()
    # Prefect may take it back; somebody may have acted on it.
    world.ended = set()
    with pytest.raises(InfrastructureError, match="its run run-of-holder has ended"):
        one.check()


def test_who_was_overtaken_in_its_sleep_acts_no_more(world: World) -> None:
    sleeper = world.holder("sleeper")
    world.group.time += LATE
    other = world.holder("other")
    sleeper.renew()
    with pytest.raises(InfrastructureError, match="no longer holds"):
        sleeper.check()
    other.check()
    other.launch()


def test_ended_it_writes_nothing_more(world: World) -> None:
    one = world.holder()
    one.end()
    one.renew()
    assert world.group.tags == {}


def test_a_lease_that_cannot_be_given_back_is_said(world: World) -> None:
    one = world.holder()

    def away(call: str) -> None:
        raise InfrastructureError("AWS is away")

    world.group.before = away
    one.end()
    assert world.said[-1][1] == logging.WARNING
    assert "could not give back the lease: AWS is away" in world.said[-1][0]


# -- the thread that renews, and the run --


def test_renewing_and_launching_do_not_overwrite_each_other(world: World) -> None:
    """The thread is in the middle of a renewal when the run launches."""
    one = world.holder()
    inside, go_on = threading.Event(), threading.Event()
    renewing = threading.Thread(target=one.renew)

    def slow(call: str) -> None:
        if call == "write" and threading.current_thread() is renewing:
            inside.set()
            assert go_on.wait(5)

    world.group.before = slow
    renewing.start()
    assert inside.wait(5)
    launching = threading.Thread(target=one.launch)
    launching.start()
    launching.join(0.2)
    assert launching.is_alive()
    go_on.set()
    renewing.join(5)
    launching.join(5)
    assert world.group.stage("holder") is Stage.LAUNCHED
    one.renew()
    assert world.group.stage("holder") is Stage.LAUNCHED


def test_a_renewal_that_failed_is_tried_again_soon(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, until = world.holder(), world.group.read()[0].until
    monkeypatch.setattr(heartbeat, "RENEW", timedelta(seconds=0.01))
    monkeypatch.setattr(heartbeat, "RENEW_AGAIN", timedelta(seconds=0.01))
    calls: list[str] = []
    renewed = threading.Event()

    def away_twice(call: str) -> None:
        # Only what failed is soon done again.
        monkeypatch.setattr(heartbeat, "RENEW", timedelta(hours=1))
        calls.append(call)
        if len(calls) < 3:
            raise InfrastructureError("AWS is away")
        if call == "write":
            renewed.set()

    world.group.time += SOON
    world.group.before = away_twice
    one.start()
    assert renewed.wait(5)
    time.sleep(0.1)
    assert calls == ["read", "read", "read", "write"]
    one.end()
    assert [level for _, level in world.said] == [logging.WARNING] * 2
    assert one.lease.until > until


def test_a_launch_in_between_puts_the_renewal_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.holder()
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        if len(waited) == 1:
            world.group.time += seconds - 30
            one.launch()
            world.group.time += 30
        else:
            world.group.time += seconds
        return len(waited) == 3

    monkeypatch.setattr(one._done, "wait", wait)
    one._beat()
    # What is left of the launch's own; then a whole one.
    assert waited == [SOON, SOON - 30, SOON]


# -- several --


def test_nobody_waits_for_a_release_whose_run_has_ended(world: World) -> None:
    """Its lease is fresh, but Prefect knows better. Its own run is not asked about."""
    world.holder("ended")
    world.ended.add("run-of-ended")
    asked: list[set[str]] = []
    known = world.known

    def asks(runs: Iterable[str]) -> Collection[str]:
        asked.append(set(runs))
        return known(runs)

    world.known = asks  # type: ignore[method-assign]
    one = world.come("next")
    assert world.group.stage("next") is Stage.HOLDS
    assert waits_for(one) == []
    assert asked
    assert all(runs == {"run-of-ended"} for runs in asked)


def test_who_comes_to_nobody_asks_prefect_about_nobody(world: World) -> None:
    world.ended = {"no", "answer"}
    world.known = lambda runs: pytest.fail(f"asked about {runs}")  # type: ignore[method-assign]
    one = world.come("alone")
    assert world.group.stage("alone") is Stage.HOLDS
    assert one.try_turn() == []


def test_only_who_took_a_turn_clears_marks_away(world: World) -> None:
    """Another's mark may be on a lease that ended by itself: that is for the one who set it."""
    holder = world.holder("holder")
    mark = holder.lease.marked_by("taker")
    bystander = world.come("bystander")
    holder.end()
    world.group.tags |= mark
    bystander.end()
    assert world.group.tags == dict(mark)


def test_after_its_end_it_does_not_act_and_says_why(world: World) -> None:
    one = world.holder()
    one.end()
    with pytest.raises(InfrastructureError, match="its run has ended; nothing more is changed"):
        one.launch()
    assert world.group.tags == {}


def test_of_one_that_was_lost_the_end_does_not_hide_why(world: World) -> None:
    one = world.holder()
    world.group.time += LATE
    assert one.renew() is False
    one.end()
    with pytest.raises(InfrastructureError, match="ended at"):
        one.check()


# -- taking the turn --
