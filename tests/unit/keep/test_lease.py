"""Whose turn it is, read from the target group's tags."""

import re
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.keep.lease import (
    DURATION,
    PREFIX,
    RENEW,
    RENEW_AGAIN,
    Lease,
    Stage,
    ahead,
    expired,
    from_tags,
    missing,
    queue,
    rivals,
    to_take,
)
from tests.unit.nouns import RELEASE, START


def lease(
    name: str = RELEASE,
    stage: Stage = Stage.WAITS,
    *,
    ticket: float = 0,
    until: float = 60,
    taken_by: str = "",
) -> Lease:
    """Times in seconds from START."""
    return Lease(
        release=name,
        run=f"run-of-{name}",
        ticket=START + timedelta(seconds=ticket),
        until=START + timedelta(seconds=until),
        stage=stage,
        taken_by=taken_by,
    )


def tags_of(*leases: Lease) -> dict[str, str]:
    """As they stand on a target group."""
    marks = [one.marked_by(one.taken_by) for one in leases if one.taken_by]
    return {
        key: v for one in [{x.key: x.to_tag() for x in leases}, *marks] for key, v in one.items()
    }


def turns(*leases: Lease, now: datetime = START, ended: frozenset[str] = frozenset()) -> list[str]:
    return [one.release for one in queue(leases, now, ended)]


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("taken_by", ["", "another"])
def test_there_and_back(stage: Stage, taken_by: str) -> None:
    one = lease(stage=stage, taken_by=taken_by)
    assert from_tags(tags_of(one)) == [one]


def test_a_mark_without_its_lease_is_a_dead_one_that_can_be_cleaned_away() -> None:
    (found,) = from_tags(lease("gone").marked_by("taker"))
    assert (found.release, found.taken_by, found.fresh(START)) == ("gone", "taker", False)
    assert set(lease("gone").marked_by("taker")) <= set(found.keys)


def test_its_tag_is_one_that_elb_takes() -> None:
    one = lease("a" * 32 + "-0123456789ab").model_copy(update={"run": "r" * 36})
    assert all(re.fullmatch(r"[\w .:/=+@-]{1,128}", key) for key in one.keys)
    assert re.fullmatch(r"[\w .:/=+@-]{1,256}", one.to_tag())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "holds",
        "holds run-1 yesterday tomorrow",
        "dances run-1 2024-05-01T12:00:00+00:00 2024-05-01T12:01:00+00:00",
        "holds run-1 2024-05-01T12:00:00.000+00:00",
        "holds run-1 2024-05-01T12:00:00 2024-05-01T12:01:00",
        "holds run-1 2024-05-01T12:00:00+00:00 2024-05-01T12:01:00",
        "holds run-1 2024-05-01T12:00:00 2024-05-01T12:01:00+00:00",
    ],
)
def test_what_cannot_be_read_is_no_lease(value: str) -> None:
    """Somebody's typing must not keep releases from running; without its zone no time is one."""
    assert from_tags({f"{PREFIX}x": value}) == []


def test_other_tags_are_no_leases() -> None:
    assert from_tags({"Name": lease().to_tag(), "spotkiln:app": "x"}) == []


def test_a_lease_outlives_some_missed_renewals() -> None:
    assert DURATION >= 3 * RENEW
    # One after the other, as soon as one has failed.
    assert DURATION >= RENEW + 6 * RENEW_AGAIN
    renewed = lease(until=0).renewed(START)
    assert renewed.fresh(START + DURATION - timedelta(seconds=1))
    assert not renewed.fresh(START + DURATION)
    assert renewed.ticket == START


def test_renewing_keeps_the_turn() -> None:
    assert lease(stage=Stage.HOLDS).renewed(START).stage is Stage.HOLDS
    assert lease().renewed(START, Stage.HOLDS).stage is Stage.HOLDS
    assert lease().renewed(START).stage is Stage.WAITS


def test_who_came_first_is_first() -> None:
    assert turns(lease("b", ticket=2), lease("a", ticket=3), lease("c", ticket=1)) == [
        "c",
        "b",
        "a",
    ]


def test_at_the_same_time_the_name_decides() -> None:
    assert turns(lease("b"), lease("a")) == turns(lease("a"), lease("b")) == ["a", "b"]


def test_the_order_is_launched_holds_takes_waits() -> None:
    line = [
        lease("waits", ticket=-999),
        lease("takes", Stage.TAKES, ticket=3),
        lease("holds", Stage.HOLDS, ticket=4),
        lease("launched", Stage.LAUNCHED, ticket=5),
    ]
    assert turns(*line) == ["launched", "holds", "takes", "waits"]


def test_nobody_waits_for_one_that_lost_its_turn_but_for_one_that_launched_first() -> None:
    lost = lease("lost", Stage.HOLDS, taken_by="taker")
    launched = lease("launched", Stage.LAUNCHED, taken_by="taker")
    assert turns(lost, lease("waits")) == ["waits", "lost"]
    assert turns(launched, lease("waits")) == ["launched", "waits"]
    assert (lost.acts, launched.acts) == (False, True)


NOBODY: frozenset[str] = frozenset()


def test_whom_one_waits_for() -> None:
    holder, early = lease("holder", Stage.HOLDS), lease("early", ticket=-1)
    late, taker = lease("late", ticket=1), lease("taker", Stage.TAKES, ticket=2)
    everybody = [late, holder, early, taker, lease("dead", Stage.HOLDS, until=-1)]

    def names(own: Lease) -> list[str]:
        return [one.release for one in ahead(own, everybody, START, NOBODY)]

    assert names(holder) == []
    assert names(taker) == ["holder"]
    assert names(early) == ["holder", "taker"]
    assert names(late) == ["holder", "taker", "early"]


def test_none_waits_for_itself() -> None:
    """What AWS shows may be older than what it knows of itself."""
    shown, own = lease("own", Stage.TAKES), lease("own", Stage.WAITS)
    assert ahead(own, [shown], START, NOBODY) == []


def test_the_turn_is_taken_from_the_holder_alone() -> None:
    holder, launched = lease("holder", Stage.HOLDS), lease("launched", Stage.LAUNCHED)
    taker, other = lease("taker", Stage.TAKES), lease("other", Stage.TAKES, ticket=-1)
    assert to_take(taker, [holder]) == [holder]
    assert to_take(lease("waits"), [holder]) == []
    assert to_take(taker, [launched]) == []
    assert to_take(taker, [launched, holder]) == []
    assert to_take(taker, [holder, other]) == []
    assert to_take(taker, []) == []


def test_rivals_are_others_that_live_and_have_the_turn() -> None:
    own = lease("own", Stage.HOLDS)
    others = [
        lease("holds", Stage.HOLDS),
        lease("launched", Stage.LAUNCHED, taken_by="x"),
        lease("gave-way", Stage.HOLDS, taken_by="x"),
        lease("dead", Stage.HOLDS, until=0),
        lease("takes", Stage.TAKES),
        lease("waits"),
    ]
    found = rivals(own, [own, *others], START, {"run-of-holds"})
    assert [one.release for one in found] == ["launched"]
    assert len(rivals(own, [own, *others], START, NOBODY)) == 2


def test_ones_own_lease_must_be_there_as_it_was_written() -> None:
    own = lease("own", Stage.HOLDS)
    written = {own.to_tag()}
    assert missing(own, written, [lease("x"), own]) == ""
    assert "taken for dead" in missing(own, written, [lease("x")])
    assert "taken for dead" in missing(own, written, from_tags(own.marked_by("taker")))
    assert "not what it wrote" in missing(own, written, [lease("own", Stage.WAITS)])
    # A write whose answer was lost may have been carried out.
    other = own.renewed(START + timedelta(seconds=9))
    assert missing(own, {*written, other.to_tag()}, [other]) == ""


def test_an_end_is_told_with_its_time() -> None:
    own = lease("own", until=60)
    assert expired(own, START + timedelta(seconds=59)) == ""
    assert "ended at 12:01:00 UTC by AWS's clock" in expired(own, START + timedelta(seconds=60))


def test_the_dead_are_not_waited_for() -> None:
    late = START + timedelta(seconds=61)
    holder, waiting = lease("holder", Stage.HOLDS), lease("waiting", ticket=5, until=100)
    assert turns(holder, waiting, now=late) == ["waiting"]
    assert turns(holder, waiting, ended=frozenset({"run-of-holder"})) == ["waiting"]
    assert turns() == []


any_lease = st.builds(
    lease,
    st.sampled_from("abcdef"),
    st.sampled_from(Stage),
    ticket=st.integers(-100, 100),
    until=st.integers(-100, 100),
    taken_by=st.sampled_from(["", "taker"]),
)


@given(st.lists(any_lease, unique_by=lambda one: one.release), st.randoms())
def test_everybody_sees_the_same_order(leases: list[Lease], random: Random) -> None:
    seen = from_tags(tags_of(*leases))
    expected = turns(*seen)
    random.shuffle(seen)
    assert turns(*seen) == expected
    assert set(expected) == {one.release for one in leases if one.until > START}


@given(st.lists(any_lease, unique_by=lambda one: one.release))
def test_of_those_that_wait_exactly_one_is_next(leases: list[Lease]) -> None:
    """Nobody is forgotten, and no two wait for each other."""
    waiting = [one for one in leases if one.stage in {Stage.WAITS, Stage.TAKES}]
    living = queue(waiting, START, NOBODY)
    free = [one for one in living if not ahead(one, leases, START, NOBODY)]
    holders = [one for one in queue(leases, START, NOBODY) if one.acts]
    assert len(free) == (1 if living and not holders else 0)
