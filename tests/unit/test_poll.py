"""The one poller: it ends by an answer, or by an error that says what it waited for."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.errors import DeadlineExceeded
from spotkiln.poll import Backoff, Done, RealClock, Waiting, poll
from tests.unit.clock import FakeClock


def done_at(clock: FakeClock, when: float, looks: list[float]) -> Callable[[], Done[str] | Waiting]:
    """A probe that is done from `when` on, and notes when it was asked."""

    def probe() -> Done[str] | Waiting:
        looks.append(clock.now())
        return Done("answer") if clock.now() >= when else Waiting("not yet")

    return probe


def test_an_answer_at_once_costs_no_sleep() -> None:
    clock = FakeClock()
    assert poll(lambda: Done(7), what="x", deadline_seconds=0, clock=clock) == 7
    assert clock.slept == []


def test_nothing_is_an_answer_too() -> None:
    assert poll(lambda: Done(None), what="x", deadline_seconds=0, clock=FakeClock()) is None


def test_it_asks_soon_at_first_and_seldom_later() -> None:
    clock, looks = FakeClock(), list[float]()
    backoff = Backoff(first=1, factor=2, maximum=5)
    probe = done_at(clock, 20, looks)
    assert poll(probe, what="x", deadline_seconds=60, clock=clock, backoff=backoff) == "answer"
    assert clock.slept == [1, 2, 4, 5, 5, 5]
    assert looks == [0, 1, 3, 7, 12, 17, 22]


def test_the_deadline_says_what_it_waited_for_and_what_it_saw() -> None:
    clock = FakeClock()
    with pytest.raises(DeadlineExceeded) as caught:
        poll(lambda: Waiting("i-1 pending"), what="i-1 to run", deadline_seconds=7, clock=clock)
    assert str(caught.value) == "waited 7 s for i-1 to run; last seen: i-1 pending"
    assert (caught.value.what, caught.value.last_seen) == ("i-1 to run", "i-1 pending")
    assert caught.value.waited_seconds == pytest.approx(7)


def test_nothing_seen_is_said_too() -> None:
    with pytest.raises(DeadlineExceeded, match="last seen: nothing"):
        poll(lambda: Waiting(""), what="x", deadline_seconds=0, clock=FakeClock())


def test_the_last_look_falls_on_the_deadline() -> None:
    clock, looks = FakeClock(), list[float]()
    backoff = Backoff(first=4, factor=1, maximum=4)
    probe = done_at(clock, 10, looks)
    assert poll(probe, what="x", deadline_seconds=10, clock=clock, backoff=backoff) == "answer"
    assert looks == [0, 4, 8, 10]


def test_no_look_is_taken_that_could_not_succeed() -> None:
    clock, looks = FakeClock(), list[float]()
    probe = done_at(clock, 30, looks)
    assert poll(probe, what="x", deadline_seconds=60, clock=clock, not_before=30) == "answer"
    assert looks == [30]


def test_not_before_does_not_outlast_the_deadline() -> None:
    clock = FakeClock()
    with pytest.raises(DeadlineExceeded):
        poll(lambda: Waiting(""), what="x", deadline_seconds=60, clock=clock, not_before=900)
    assert clock.slept == [60]


def test_it_asks_when_an_answer_may_be_there() -> None:
    clock = FakeClock()
    answers = iter([Waiting("")] * 3 + [Waiting("", 0), Waiting("", 4), Waiting("", 99)])
    backoff = Backoff(first=1, factor=3, maximum=9)

    def probe() -> Done[None] | Waiting:
        return next(answers, Done(None))

    poll(probe, what="x", deadline_seconds=60, clock=clock, backoff=backoff)
    assert clock.slept == [1, 3, 9, 1, 4, 9]


def test_what_the_probe_raises_comes_through() -> None:
    def probe() -> Done[None] | Waiting:
        raise KeyError("boom")

    with pytest.raises(KeyError, match="boom"):
        poll(probe, what="x", deadline_seconds=60, clock=FakeClock())


@given(
    st.floats(0, 1e9),
    st.floats(0, 7200),
    st.floats(0.1, 60),
    st.floats(1, 3),
    st.floats(0, 100),
    st.floats(0, 1e9),
)
def test_it_always_ends_at_its_deadline(
    start: float, deadline: float, first: float, factor: float, not_before: float, within: float
) -> None:
    """Whatever the clock shows: rounding must not keep it from ending, nor end it early."""
    clock = FakeClock(start)
    backoff = Backoff(first=first, factor=factor, maximum=60)
    looks = 0

    def probe() -> Done[None] | Waiting:
        nonlocal looks
        looks += 1
        assert looks < deadline / 0.1 + 10
        return Waiting("", within)

    with pytest.raises(DeadlineExceeded):
        poll(
            probe,
            what="x",
            deadline_seconds=deadline,
            clock=clock,
            backoff=backoff,
            not_before=not_before,
        )
    assert clock.now() - start == pytest.approx(deadline, abs=0.01)


def test_the_real_clock_goes_on() -> None:
    clock = RealClock()
    before = clock.now()
    clock.sleep(0.01)
    assert 0.01 <= clock.now() - before < 5
