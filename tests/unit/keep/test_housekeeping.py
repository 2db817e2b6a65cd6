"""What cannot be cleared away: told once, tried again later and later."""

from collections.abc import Set
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.bake.own import LeftAlone
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.housekeeping import (
    LONGEST,
    MOST_WORDS,
    NOT_PUT_OFF,
    ROUNDS,
    Delayed,
    PutOff,
    Reconciled,
    again,
    clear_up,
    due,
    ending,
    reconcile_page,
)
from tests.unit import nouns
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
    return Action(verb=Verb.DISCARD_IMAGE, ids=(name,), why="rejected", tried=tried)


def test_what_waits_is_not_to_do() -> None:
    waits = PutOff(since=START - 20 * MINUTE, last=START - MINUTE, why="protected")
    found = Reconciled.of([action(waits.to_tag()), action(name="ami-2")], (), START)
    assert [one.ids for one in found.todo] == [("ami-2",)]
    assert found.put_off == (Delayed(action=action(waits.to_tag()), put_off=waits),)
    later = Reconciled.of([action(waits.to_tag())], (), START + 20 * MINUTE)
    assert (len(later.todo), later.put_off) == (1, ())


def test_how_it_ended_is_the_name_of_its_state() -> None:
    waits = Delayed(action=action(name="ami-2"), put_off=again("", START, "no"))
    assert ending(Reconciled()) == ("Nothing to do", "there is nothing that nobody owns")
    assert ending(Reconciled(todo=(action(),), put_off=(waits,)))[0] == "To do"
    end, said = ending(Reconciled(done=(action(),), put_off=(waits,)))
    assert end == "Cleared up"
    assert said.startswith(
        "cleared up: discard image ami-1: rejected. put off: discard image ami-2"
    )
    assert ending(Reconciled(put_off=(waits,)))[0] == "Put off"
    assert len(ending(Reconciled(done=(action(),) * 1000))[1]) <= MOST_WORDS


def test_the_page_tells_everything_and_no_time_of_now() -> None:
    put_off = again("", START, "AWS refused DeregisterImage")
    found = Reconciled(
        done=(action(),),
        put_off=(Delayed(action=action(name="ami-2"), put_off=put_off),),
        left_alone=(LeftAlone(kind="image", id="ami-3", why="a copy of <b>"),),
    )
    page = reconcile_page(found)
    assert "- discard image ami-1: rejected" in page
    assert "ami-2: not possible since 2024-05-01 12:00:00 UTC: AWS refused" in page
    assert r"- image ami-3: a copy of \<b\>" in page
    still = again(put_off.to_tag(), START + 30 * MINUTE, put_off.why)
    waits = Delayed(action=action(name="ami-2"), put_off=still)
    assert reconcile_page(found.model_copy(update={"put_off": (waits,)})) == page
    assert reconcile_page(Reconciled()) == (
        "# Reconcile\n\nNothing to do: there is nothing that nobody owns.\n"
    )


# -- find, carry out, find again --


class Things:
    """What there is to do, a round at a time, and what fails. All that is tried is noted."""

    def __init__(self, *rounds: list[Action], fails: Set[str] = frozenset()) -> None:
        self._rounds, self._fails = list(rounds), fails
        self.looks = 0
        self.tried: list[str] = []
        self.put_off: list[str] = []
        self.waiting: tuple[Delayed, ...] = ()

    def find(self) -> Reconciled:
        self.looks += 1
        todo = self._rounds.pop(0) if self._rounds else []
        return Reconciled(todo=tuple(todo), put_off=self.waiting, left_alone=(LEFT,))

    def carry_out(self, action: Action) -> None:
        self.tried += action.ids
        if self._fails & {*action.ids}:
            raise InfrastructureError(f"{action.ids[0]} stays")

    def delay(self, action: Action, error: SpotkilnError) -> Delayed:
        self.put_off.append(str(error))
        return delayed(action)

    def clear_up(self) -> Reconciled:
        return clear_up(self.find, self.carry_out, self.delay)


LEFT = LeftAlone(kind="image", id="ami-copy", why="a copy")


def act(verb: Verb, name: str, why: str = "nobody owns it") -> Action:
    return Action(verb=verb, ids=(name,), why=why)


def delayed(action: Action) -> Delayed:
    return Delayed(action=action, put_off=PutOff(since=START, last=START, why="it is protected"))


FLEET = act(Verb.RETIRE_FLEETS, "sfr-1")
TEMPLATE = act(Verb.DELETE_PART, "lt-1")
IMAGE = act(Verb.DISCARD_IMAGE, "ami-1")


def test_nothing_to_do_is_one_look() -> None:
    things = Things()
    assert things.clear_up() == Reconciled(left_alone=(LEFT,))
    assert things.looks == 1


def test_what_a_fleet_was_made_of_goes_once_the_fleet_has_gone() -> None:
    things = Things([FLEET], [TEMPLATE, IMAGE])
    assert things.clear_up().done == (FLEET, TEMPLATE, IMAGE)
    assert things.looks == 3


def test_what_is_done_is_not_done_again_though_aws_still_tells_of_it() -> None:
    stale = FLEET.model_copy(update={"why": "its retirement was not finished"})
    things = Things([FLEET], [stale, TEMPLATE], [stale])
    assert things.clear_up().done == (FLEET, TEMPLATE)
    assert things.tried == ["sfr-1", "lt-1"]


def test_it_ends_though_there_is_always_more() -> None:
    things = Things(*([act(Verb.DELETE_PART, f"lt-{n}")] for n in range(99)))
    assert len(things.clear_up().done) == things.looks == ROUNDS


def test_what_does_not_serve_is_put_off_and_stops_nothing() -> None:
    things = Things([IMAGE, TEMPLATE], [IMAGE], fails={"ami-1"})
    found = things.clear_up()
    assert (found.done, found.put_off) == ((TEMPLATE,), (delayed(IMAGE),))
    assert things.put_off == ["ami-1 stays"]
    # Once a run.
    assert things.tried == ["ami-1", "lt-1"]


def test_what_was_put_off_before_is_told_still_and_once() -> None:
    things = Things([IMAGE], fails={"ami-1"})
    other = act(Verb.DISCARD_IMAGE, "ami-9")
    things.waiting = (delayed(other), delayed(IMAGE))
    assert things.clear_up().put_off == (delayed(other), delayed(IMAGE))


@pytest.mark.parametrize("verb", sorted(NOT_PUT_OFF))
def test_what_concerns_what_serves_fails_the_release_that_waits(verb: Verb) -> None:
    bad = act(verb, "sfr-1")
    things = Things([bad, FLEET.model_copy(update={"ids": ("sfr-2",)})], [IMAGE], fails={"sfr-1"})
    with pytest.raises(InfrastructureError) as caught:
        things.clear_up()
    assert str(caught.value) == (
        f"not everything could be cleared up: {verb} sfr-1: nobody owns it: sfr-1 stays"
    )
    # The others are done even so; what builds on it is not begun.
    assert things.tried == ["sfr-1", "sfr-2"]
    assert things.put_off == []


def test_a_bug_is_not_put_off() -> None:
    def broken(_: Action) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        clear_up(Things([IMAGE]).find, broken, Things().delay)


def test_what_was_seen_is_told_only_if_nothing_was_done_since() -> None:
    seen = Reconciled(fleets=(nouns.fleet("sfr-1"),))
    assert clear_up(lambda: seen, Things().carry_out, Things().delay).fleets == seen.fleets
    looks = count()

    def find() -> Reconciled:
        action = FLEET.model_copy(update={"ids": (f"sfr-{next(looks)}",)})
        return seen.model_copy(update={"todo": (action,)})

    assert clear_up(find, lambda _: None, Things().delay).fleets is None
    # A second look, after something was done, is one that counts.
    rounds = iter([seen.model_copy(update={"todo": (FLEET,)}), seen])
    assert clear_up(lambda: next(rounds), lambda _: None, Things().delay).fleets == seen.fleets
    assert seen.also().fleets is None
