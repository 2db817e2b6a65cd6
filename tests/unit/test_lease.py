"""Whose turn it is, read from the target group's tags."""

import re
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.lease import DURATION, PREFIX, RENEW, Lease, from_tags, queue
from tests.unit.nouns import RELEASE, START


def lease(
    name: str = RELEASE, *, ticket: float = 0, until: float = 60, holds: bool = False
) -> Lease:
    """Times in seconds from START."""
    return Lease(
        release=name,
        run=f"run-of-{name}",
        ticket=START + timedelta(seconds=ticket),
        until=START + timedelta(seconds=until),
        holds=holds,
    )


def turns(*leases: Lease, now: datetime = START, ended: frozenset[str] = frozenset()) -> list[str]:
    return [one.release for one in queue(leases, now, ended)]


@pytest.mark.parametrize("holds", [False, True])
def test_there_and_back(holds: bool) -> None:
    one = lease(holds=holds)
    assert from_tags({one.key: one.to_tag()}) == [one]


def test_its_tag_is_one_that_elb_takes() -> None:
    one = lease("a" * 32 + "-0123456789ab").model_copy(update={"run": "r" * 36})
    assert re.fullmatch(r"[\w .:/=+@-]{1,128}", one.key)
    assert re.fullmatch(r"[\w .:/=+@-]{1,256}", one.to_tag())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "holds",
        "holds run-1 yesterday tomorrow",
        "holds run-1 2024-05-01T12:00:00.000+00:00",
        "holds run-1 2024-05-01T12:00:00 2024-05-01T12:01:00",
        "holds run-1 2024-05-01T12:00:00+00:00 2024-05-01T12:01:00",
    ],
)
def test_what_cannot_be_read_is_no_lease(value: str) -> None:
    """Somebody's typing must not keep releases from running; without its zone no time is one."""
    assert from_tags({f"{PREFIX}x": value}) == []


def test_other_tags_are_no_leases() -> None:
    assert from_tags({"Name": lease().to_tag(), "spotkiln:app": "x"}) == []


def test_a_lease_outlives_some_missed_renewals() -> None:
    assert DURATION >= 3 * RENEW
    renewed = lease(until=0).renewed(START)
    assert renewed.fresh(START + DURATION - timedelta(seconds=1))
    assert not renewed.fresh(START + DURATION)
    assert renewed.ticket == START


def test_renewing_keeps_the_turn() -> None:
    assert lease(holds=True).renewed(START).holds
    assert lease().renewed(START, holds=True).holds
    assert not lease().renewed(START).holds


def test_who_came_first_is_first() -> None:
    assert turns(lease("b", ticket=2), lease("a", ticket=3), lease("c", ticket=1)) == [
        "c",
        "b",
        "a",
    ]


def test_at_the_same_time_the_name_decides() -> None:
    assert turns(lease("b"), lease("a")) == turns(lease("a"), lease("b")) == ["a", "b"]


def test_a_skewed_clock_overtakes_nobody_who_holds() -> None:
    assert turns(lease("early", ticket=-999), lease("holder", holds=True)) == ["holder", "early"]


def test_the_dead_are_not_waited_for() -> None:
    late = START + timedelta(seconds=61)
    holder, waiting = lease("holder", holds=True), lease("waiting", ticket=5, until=100)
    assert turns(holder, waiting, now=late) == ["waiting"]
    assert turns(holder, waiting, ended=frozenset({"run-of-holder"})) == ["waiting"]
    assert turns() == []


any_lease = st.builds(
    lease,
    st.sampled_from("abcdef"),
    ticket=st.integers(-100, 100),
    until=st.integers(-100, 100),
    holds=st.booleans(),
)


@given(st.lists(any_lease, unique_by=lambda one: one.release), st.randoms())
def test_everybody_sees_the_same_order(leases: list[Lease], random: Random) -> None:
    seen = from_tags({one.key: one.to_tag() for one in leases})
    expected = turns(*seen)
    random.shuffle(seen)
    assert turns(*seen) == expected
    assert set(expected) == {one.release for one in leases if one.until > START}
