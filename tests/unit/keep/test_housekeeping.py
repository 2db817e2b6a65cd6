"""What cannot be cleared away: told once, tried again later and later."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.bake.own import LeftAlone
from spotkiln.keep.housekeeping import (
    LONGEST,
    Delayed,
    PutOff,
    Reconciled,
    again,
    due,
    reconcile_page,
)
from spotkiln.keep.reconcile import Action, Do
from tests.unit.nouns import START

MINUTE = timedelta(minutes=1)


def test_what_never_failed_is_due() -> None:
    assert due("", START)


def test_the_first_failure_is_tried_again_at_once_and_then_less_and_less_often() -> None:
    tag, now, waits = "", START, []
    for _ in range(12):
        tag = again(tag, now, "protected").to_tag()
        found = PutOff.from_tag(tag)
        assert found
        waits.append(found.next - now)
        # Reconcile comes every ten minutes.
        now = max(found.next, now + 10 * MINUTE)
    assert waits[:5] == [wait * MINUTE for wait in (0, 10, 20, 40, 80)]
    assert waits[-1] == LONGEST


def test_it_stays_told_since_when() -> None:
    first = again("", START, "one")
    second = again(first.to_tag(), START + MINUTE, "two")
    assert second == PutOff(since=START, last=START + MINUTE, why="two")


@pytest.mark.parametrize(
    "tag", ["x", "x y z", f"{START.isoformat()} soon why", "2024-05-01T12:00 2024-05-01T12:00 why"]
)
def test_what_cannot_be_read_is_tried(tag: str) -> None:
    assert PutOff.from_tag(tag) is None
    assert due(tag, START)


@given(st.text(), st.datetimes(timezones=st.just(UTC)), st.timedeltas(timedelta(), timedelta(30)))
def test_any_words_make_a_tag_that_is_read_again(
    why: str, since: datetime, later: timedelta
) -> None:
    since = min(since, datetime(9000, 1, 1, tzinfo=UTC)).replace(microsecond=0)
    last = (since + later).replace(microsecond=0)
    tag = PutOff(since=since, last=last, why=why).to_tag()
    assert len(tag) <= 256
    found = PutOff.from_tag(tag)
    assert found
    assert (found.since, found.last) == (since, last)


def action(tried: str = "", name: str = "ami-1") -> Action:
    return Action(do=Do.DISCARD_IMAGE, ids=(name,), why="rejected", tried=tried)


def test_what_waits_is_not_to_do() -> None:
    waits = PutOff(since=START - 20 * MINUTE, last=START - MINUTE, why="protected")
    found = Reconciled.of([action(waits.to_tag()), action(name="ami-2")], (), START)
    assert [one.ids for one in found.todo] == [("ami-2",)]
    assert found.put_off == (Delayed(action=action(waits.to_tag()), put_off=waits),)
    later = Reconciled.of([action(waits.to_tag())], (), START + 20 * MINUTE)
    assert (len(later.todo), later.put_off) == (1, ())


def test_the_page_tells_everything_and_no_time_of_now() -> None:
    put_off = again("", START, "AWS refused DeregisterImage")
    found = Reconciled(
        done=(action(),),
        put_off=(Delayed(action=action(name="ami-2"), put_off=put_off),),
        left_alone=(LeftAlone(kind="image", id="ami-3", why="a copy of <b>"),),
    )
    page = reconcile_page(found)
    assert "- discard image ami-1: rejected" in page
    assert "ami-2: not possible since 2024-05-01 12:00 UTC: AWS refused" in page
    assert r"- image ami-3: a copy of \<b\>" in page
    still = again(put_off.to_tag(), START + 30 * MINUTE, put_off.why)
    waits = Delayed(action=action(name="ami-2"), put_off=still)
    assert reconcile_page(found.model_copy(update={"put_off": (waits,)})) == page
    assert "nothing" in reconcile_page(Reconciled())
