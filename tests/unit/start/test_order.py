"""Which of several pushes is the newest, and which runs of them are needless."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.start.order import (
    Place,
    needless,
    needless_when_frozen,
    newer_from,
    place,
    superseded_after_freeze,
    superseded_by,
)
from spotkiln.start.push import Push
from spotkiln.start.run import Run
from tests.unit.nouns import START
from tests.unit.pushes import A, B, C, D, push


@pytest.mark.parametrize(
    ("sent", "known", "expected"),
    [
        (push(A, B), [], Place.NEWEST),
        (push(B, C), [push(A, B)], Place.NEWEST),
        (push(B, A), [push(A, B)], Place.NEWEST),  # back, but at what never came here
        (push(C, B), [push(A, B), push(B, C)], Place.BACK),
        (push(A, B), [push(B, C)], Place.OLDER),
        (push(D, A), [push(A, B), push(B, C)], Place.OLDER),
        (push(A, B), [push(B, C), push(C, D)], Place.OLDER),
        (push(C, D), [push(A, B)], Place.NEWEST),  # one between them is missing
        # Another hook told of it before.
        (push(A, B), [push(A, B)], Place.NEWEST),
        (push(C, B), [push(A, B), push(B, C), push(C, B)], Place.BACK),
        (push(A, B), [push(A, B), push(B, A)], Place.OLDER),
    ],
)
def test_order_by_what_the_ref_was_before(sent: Push, known: list[Push], expected: Place) -> None:
    assert place(sent, known) is expected


def test_a_step_that_is_taken_again_is_told_from_one_that_is_reported_again() -> None:
    """There, back, and there once more: by the host's own name for the push."""
    known = [push(A, B, event="1"), push(B, A, event="2")]
    assert place(push(A, B, event="1"), known) is Place.OLDER
    assert place(push(A, B, event="3"), known) is Place.BACK


def test_order_by_the_hosts_time() -> None:
    early, late = START, START + timedelta(seconds=1)
    assert place(push(A, B, pushed=early), [push(C, D, pushed=late)]) is Place.OLDER
    assert place(push(A, B, pushed=late), [push(C, D, pushed=early)]) is Place.NEWEST
    assert place(push(A, B, pushed=early), [push(C, D)]) is Place.NEWEST
    # Within one second it is the order of arrival that tells.
    assert place(push(A, B, pushed=early), [push(C, D, pushed=early)]) is Place.NEWEST


@given(st.integers(2, 8), st.data())
def test_with_times_any_order_of_arrival_ends_at_the_newest(size: int, data: st.DataObject) -> None:
    commits = [f"{n:040x}" for n in range(1, size + 1)]
    sent = [
        push(before, after, pushed=START + timedelta(seconds=n))
        for n, (before, after) in enumerate(pairwise(commits))
    ]
    known: list[Push] = []
    for one in data.draw(st.permutations(sent)):
        if place(one, known) is not Place.OLDER:
            known.append(one)
    assert known[-1] == sent[-1]


# -- runs of the same ref --


def run(name: str, at: int, state: str) -> Run:
    return Run(id=name, created=datetime(2024, 5, 1, 12, at, tzinfo=UTC), state=state)


def test_only_older_runs_that_have_not_begun_are_needless() -> None:
    others = [
        run("waits", 1, "SCHEDULED"),
        run("late", 2, "SCHEDULED"),
        run("about to begin", 2, "PENDING"),
        run("runs", 3, "RUNNING"),
        run("asks", 3, "PAUSED"),
        run("itself", 5, "SCHEDULED"),
        run("newer", 6, "SCHEDULED"),
    ]
    found = needless(run("itself", 5, "SCHEDULED"), others)
    assert [one.id for one in found] == ["waits", "late"]


@pytest.mark.parametrize(
    ("state", "gives_way"),
    [
        ("SCHEDULED", True),
        ("PENDING", True),
        ("RUNNING", True),
        ("PAUSED", True),
        ("COMPLETED", True),
        ("FAILED", False),
        ("CRASHED", False),
        ("CANCELLED", False),
        ("CANCELLING", False),
    ],
)
def test_a_run_gives_way_to_a_newer_one_unless_that_failed(state: str, *, gives_way: bool) -> None:
    own, other = run("own", 5, "RUNNING"), run("other", 6, state)
    assert superseded_by(own, [own, other]) == (other if gives_way else None)
    assert superseded_by(other, [own, other]) is None


def test_the_newest_of_several_is_named() -> None:
    runs = [run("own", 1, "RUNNING"), run("third", 3, "RUNNING"), run("second", 2, "RUNNING")]
    assert superseded_by(runs[0], runs) == runs[1]


def waiting(ident: str, seconds: int, state: str = "SCHEDULED", name: str = "Frozen") -> Run:
    created = START + timedelta(seconds=seconds)
    return Run(id=ident, created=created, state=state, state_name=name)


@pytest.mark.parametrize(
    ("state", "name", "counts"),
    [
        ("SCHEDULED", "Frozen", True),
        ("RUNNING", "Running", True),
        ("PAUSED", "Suspended", True),
        ("COMPLETED", "Released", True),
        ("COMPLETED", "Unchanged", True),
        # It may be a schedule's, for another day.
        ("SCHEDULED", "Scheduled", False),
        ("COMPLETED", "Held", False),
        ("COMPLETED", "Declined", False),
        ("COMPLETED", "Superseded", False),
        ("FAILED", "Rolled back", False),
        ("CANCELLED", "Superseded", False),
        ("CRASHED", "Crashed", False),
    ],
)
def test_what_waits_for_the_end_of_a_freeze_gives_way_to_what_is_newer(
    state: str, name: str, *, counts: bool
) -> None:
    own, other = waiting("own", 0), waiting("other", 1, state, name)
    assert superseded_after_freeze(own, [own, other]) == (other if counts else None)
    older = waiting("older", -1, state, name)
    assert superseded_after_freeze(own, [older, own]) is None


def test_it_names_the_newest_that_it_gives_way_to() -> None:
    own, newer, newest = waiting("own", 0), waiting("newer", 1), waiting("newest", 2)
    assert superseded_after_freeze(own, [newest, newer]) == newest


def test_of_those_that_wait_the_older_ones_are_needless() -> None:
    own = waiting("own", 0)
    older, running = waiting("older", -5), waiting("running", -4, "RUNNING", "Running")
    assert needless_when_frozen(own, [own, older, running, waiting("newer", 1)]) == [older]


def test_a_deletion_is_the_newest_though_a_push_before_it_was_lost() -> None:
    made = push("0" * 40, A)
    assert place(push(A, "0" * 40), [made]) is Place.NEWEST
    assert place(push(C, "0" * 40), [made]) is Place.NEWEST


def test_a_branch_that_came_back_is_not_deleted_by_what_comes_late() -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    made = push("0" * 40, A, pushed=noon)
    gone = push(A, "0" * 40, pushed=noon + timedelta(minutes=1))
    back = push("0" * 40, A, pushed=noon + timedelta(minutes=2))
    assert place(gone, [made]) is Place.NEWEST
    assert place(back, [made, gone]) is Place.BACK
    late = push(B, "0" * 40, pushed=noon + timedelta(minutes=1))
    assert place(late, [made, back]) is Place.OLDER


@pytest.mark.parametrize("before", [A, C])
def test_a_deletion_is_late_only_if_it_is_older_by_the_hosts_time(before: str) -> None:
    """And then only if it is not of what the newest push has named."""
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    made = push("0" * 40, B, pushed=noon)
    early = noon - timedelta(minutes=1)
    assert place(push(before, "0" * 40, pushed=early), [made]) is Place.OLDER
    assert place(push(before, "0" * 40, pushed=noon), [made]) is Place.NEWEST
    later = noon + timedelta(minutes=1)
    assert place(push(before, "0" * 40, pushed=later), [made]) is Place.NEWEST
    # Whichever of the two has no time: nothing tells that it comes late.
    untimed = push("0" * 40, B)
    assert place(push(before, "0" * 40, pushed=early), [untimed]) is Place.NEWEST
    assert place(push(before, "0" * 40), [made]) is Place.NEWEST
    assert place(push(B, "0" * 40, pushed=early), [made]) is Place.NEWEST


def test_a_run_may_be_expected_a_minute_before_it_was_created() -> None:
    assert newer_from(run("own", 1, "RUNNING")) == run("own", 0, "RUNNING").created


@pytest.mark.parametrize("other", ["a", "z"])
def test_which_of_those_that_wait_is_newer_is_told_by_their_time_alone(other: str) -> None:
    own, newer, older = waiting("m", 0), waiting(other, 1), waiting(other, -1)
    assert superseded_after_freeze(own, [own, newer]) == newer
    assert needless_when_frozen(own, [own, older]) == [older]
