"""What serves, in the order of promotion; what a release, or reconcile, may take away."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.serving import (
    TICK,
    may_not_retire,
    newest_serving,
    outdone,
    promoted_meanwhile,
    promotion_time,
    replaceable,
    retirees,
    serving,
    still_doomed,
)
from tests.unit import nouns
from tests.unit.nouns import GROUP, OTHER_GROUP, START


def fleet(name: str, promoted: float | None = None, **changes: Any) -> Fleet:
    """`promoted`: so many minutes after START; None: there was no such tag yet."""
    made = nouns.fleet(name, **changes)
    if promoted is None:
        return made
    moment = (START + timedelta(minutes=promoted)).isoformat()
    return made.model_copy(update={"tags": {**made.tags, t.PROMOTED: moment}})


def names(fleets: list[Fleet]) -> list[str]:
    return [one.id for one in fleets]


OTHERS = [
    fleet("sfr-foreign", phase=None),
    fleet("sfr-pending", phase=Phase.PENDING),
    fleet("sfr-other", 9, target_groups=(OTHER_GROUP,)),
    fleet("sfr-gone", 9, state="cancelled", phase=Phase.RETIRING),
]


def test_serving_is_ours_live_and_of_the_group_the_last_promoted_first() -> None:
    """The one that was asked for last waited for nobody; the other one's gate took longer."""
    asked_first = fleet("sfr-1", 20, created=START - timedelta(days=1))
    asked_last = fleet("sfr-2", 10, created=START)
    without = fleet("sfr-0", created=START - timedelta(days=2))
    others = [
        *OTHERS,
        fleet("sfr-retiring", 30, phase=Phase.RETIRING),
        fleet("sfr-cancelled", 30, state="cancelled_running"),
    ]
    found = serving([asked_last, without, *others, asked_first], GROUP)
    assert found == [asked_first, asked_last, without]


def test_the_newest_that_serves_is_one_a_target_group() -> None:
    every = [fleet("sfr-1", 1), fleet("sfr-2", 2), *OTHERS]
    newest = newest_serving(every)
    assert {group: one.id for group, one in newest.items()} == {
        GROUP: "sfr-2",
        OTHER_GROUP: "sfr-other",
    }


def test_only_what_was_promoted_before_is_retired() -> None:
    new = fleet("sfr-new", 5)
    older = [
        fleet("sfr-old", 1),
        fleet("sfr-retiring", 2, phase=Phase.RETIRING),
        fleet("sfr-half-way", 3, phase=Phase.RETIRING, state="cancelled_running"),
    ]
    newer = [fleet("sfr-newer", 6), fleet("sfr-newer-retiring", 7, phase=Phase.RETIRING)]
    assert retirees([*OTHERS, new, *older, *newer], GROUP, new) == older
    assert replaceable([*OTHERS, new, *older, *newer], GROUP) == [new, *older, *newer]


def test_a_worker_that_slept_does_not_take_its_successor_down() -> None:
    own = fleet("sfr-1", 1)
    assert may_not_retire([own, fleet("sfr-0", 0)], GROUP, own) == ""
    successor = fleet("sfr-2", 2)
    assert "sfr-2" in may_not_retire([own, successor], GROUP, own)
    assert "retiring" in may_not_retire([fleet("sfr-1", 1, phase=Phase.RETIRING)], GROUP, own)
    assert "cancelled" in may_not_retire([fleet("sfr-1", 1, state="cancelled")], GROUP, own)
    assert "not there" in may_not_retire([], GROUP, own)


def test_its_own_promotion_may_not_be_seen_yet() -> None:
    own = fleet("sfr-1", 1)
    assert may_not_retire([fleet("sfr-1", phase=Phase.PENDING)], GROUP, own) == ""


def test_who_was_promoted_meanwhile_took_the_turn() -> None:
    own, before, other = fleet("sfr-2"), fleet("sfr-1", 1), fleet("sfr-3", 3)
    assert promoted_meanwhile([own, before], GROUP, own, [before]) == []
    assert promoted_meanwhile([own, before, other], GROUP, own, [before]) == [other]
    assert promoted_meanwhile([own, *OTHERS], GROUP, own, []) == []


def test_a_promotion_is_later_than_all_before_it() -> None:
    now = START + timedelta(minutes=5, microseconds=1999)
    cut = START + timedelta(minutes=5, milliseconds=1)
    assert promotion_time(now, [fleet("sfr-1", 1), *OTHERS], GROUP) == cut
    # AWS's dates are exact to a second: this one is of the same second, or of the next.
    same = fleet("sfr-1", 5.01)
    assert same.promoted
    assert promotion_time(now, [same], GROUP) == same.promoted + TICK
    assert promotion_time(now, [fleet("sfr-1", created=now)], GROUP) > now


def test_outdone_is_only_what_has_something_newer_in_all_its_target_groups() -> None:
    old, new = fleet("sfr-1", 1), fleet("sfr-2", 2)
    assert outdone(old, [old, new])
    assert not outdone(new, [old, new])
    assert not outdone(old, [old, fleet("sfr-2", 2, state="cancelled")])
    assert not outdone(old, [old, fleet("sfr-2", 2, phase=Phase.PENDING)])
    both = fleet("sfr-1", 1, target_groups=(GROUP, OTHER_GROUP))
    assert not outdone(both, [both, new])


def test_a_second_look_spares_what_serves_unless_something_newer_does() -> None:
    doomed = ["sfr-1", "sfr-2", "sfr-3"]
    old, new = fleet("sfr-1", 1), fleet("sfr-2", 2)
    pending = fleet("sfr-3", phase=Phase.PENDING)
    assert names(still_doomed([old, new, pending], doomed)) == ["sfr-1", "sfr-3"]
    # It was promoted between the two looks.
    assert names(still_doomed([old, new, fleet("sfr-3", 3)], doomed)) == ["sfr-1", "sfr-2"]
    assert still_doomed([fleet("sfr-1", 1, state="cancelled"), *OTHERS], doomed) == []
    assert names(still_doomed([old, new], ["sfr-2"])) == []


STATES = ["submitted", "active", "modifying", "cancelled_running", "cancelled", "failed"]
any_fleet = st.builds(
    lambda n, state, phase, groups, promoted: fleet(
        f"sfr-{n}", promoted, state=state, phase=phase, target_groups=tuple(groups)
    ),
    st.integers(0, 6),
    st.sampled_from(STATES),
    st.sampled_from([None, *Phase]),
    st.lists(st.sampled_from([GROUP, OTHER_GROUP]), unique=True),
    st.none() | st.integers(-5, 5),
)
any_fleets = st.lists(any_fleet, unique_by=lambda one: one.id)


@given(any_fleets)
def test_the_newest_that_serves_is_never_taken_away(fleets: list[Fleet]) -> None:
    newest = {one.id for one in newest_serving(fleets).values()}
    assert newest.isdisjoint(names(still_doomed(fleets, [one.id for one in fleets])))
    for own in serving(fleets, GROUP):
        if not may_not_retire(fleets, GROUP, own):
            assert serving(fleets, GROUP)[0] not in retirees(fleets, GROUP, own)


@given(any_fleets)
def test_nothing_that_serves_is_forgotten(fleets: list[Fleet]) -> None:
    for new in serving(fleets, GROUP)[:1]:
        assert not may_not_retire(fleets, GROUP, new)
        assert serving(fleets, GROUP)[1:] == [
            one for one in serving(fleets, GROUP) if one in retirees(fleets, GROUP, new)
        ]


@given(any_fleets, any_fleet)
def test_what_is_foreign_pending_or_another_groups_is_never_retired(
    fleets: list[Fleet], new: Fleet
) -> None:
    for one in retirees([*fleets, new], GROUP, new):
        assert one.id != new.id
        assert one.phase in {Phase.SERVING, Phase.RETIRING}
        assert GROUP in one.target_groups


@given(any_fleets, st.datetimes(timezones=st.just(START.tzinfo)))
def test_who_is_promoted_is_the_newest(fleets: list[Fleet], now: datetime) -> None:
    moment = promotion_time(now, fleets, GROUP)
    assert all((moment, "") > one.order for one in serving(fleets, GROUP))
