"""How what waits in the spool is handed over to Prefect."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from spotkiln.errors import InfrastructureError, PrefectAway
from spotkiln.poll import Backoff
from spotkiln.receiver.drain import AWAY, BACKOFF, Drain, pause
from spotkiln.receiver.spool import TRIES, Delivery, Handled, Spool
from spotkiln.start.order import Place, place
from spotkiln.start.push import Push
from tests.receiver.pushes import OLDER, STARTED, push, signed, spool
from tests.receiver.service import commit

__all__ = ["spool"]


def test_pauses_grow_to_a_bound() -> None:
    assert [pause(BACKOFF, tries) for tries in (0, 1, 2, 10)] == [1.0, 2.0, 4.0, 30.0]
    assert pause(AWAY, 10_000) == 10.0


async def emptied(
    spool: Spool, hand_over: Callable[[Push, list[Push]], Awaitable[Handled]]
) -> None:
    """Until nothing waits."""
    draining = asyncio.create_task(Drain(spool, hand_over).run())
    try:
        async with asyncio.timeout(30):
            while spool.waiting():
                await asyncio.sleep(0.01)
    finally:
        draining.cancel()


def test_in_the_order_in_which_they_came(spool: Spool) -> None:
    sent = [push() for _ in range(120)]
    for one in sent:
        spool.accept(one)
    seen: list[Push] = []

    async def hand_over(one: Push, known: list[Push]) -> Handled:
        assert known == seen
        seen.append(one)
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert seen == sent


def test_while_prefect_is_away_they_wait_in_order(spool: Spool) -> None:
    sent = [push() for _ in range(3)]
    for one in sent:
        spool.accept(one)
    tries: list[Push] = []

    async def hand_over(one: Push, _: list[Push]) -> Handled:
        tries.append(one)
        if len(tries) < 3:
            raise PrefectAway("away")
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert tries == [sent[0], sent[0], *sent]


def test_one_that_prefect_fails_at_lets_those_of_other_refs_pass(spool: Spool) -> None:
    bad, newer, other = push(), push(), push(repository="example.com/other")
    for one in (bad, newer, other):
        spool.accept(one)
    tries: list[Push] = []

    async def hand_over(one: Push, _: list[Push]) -> Handled:
        tries.append(one)
        if one == bad and tries.count(bad) < 2:
            raise InfrastructureError("500")
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert tries == [bad, other, bad, newer]


def test_one_that_prefect_always_fails_at_does_not_hold_its_branch(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        # Longer than the disk may take to write one change down.
        "spotkiln.receiver.drain.BACKOFF",
        Backoff(first=0.2, factor=1, maximum=0.2),
    )
    bad, newer = (spool.accept(push()) for _ in range(2))
    tries: list[Push] = []

    async def hand_over(one: Push, _: list[Push]) -> Handled:
        tries.append(one)
        if one == bad.push:
            raise InfrastructureError("500")
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert tries == [bad.push] * TRIES + [newer.push]
    finished = spool.find(bad.id)
    assert finished and finished.outcome and "newer push" in finished.outcome.ignored


def test_what_nobody_foresaw_of_one_is_not_in_the_way_of_others(spool: Spool) -> None:
    bad, other = push(), push(repository="example.com/other")
    for one in (bad, other):
        spool.accept(one)
    tries: list[Push] = []

    async def hand_over(one: Push, _: list[Push]) -> Handled:
        tries.append(one)
        if one == bad and tries.count(bad) < 2:
            raise ValueError("a bug")
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert tries == [bad, other, bad]


def test_what_nobody_foresaw_does_not_end_it(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spotkiln.receiver.drain.BACKOFF", AWAY)
    sent = push()
    spool.accept(sent)
    tries: list[Push] = []

    async def hand_over(one: Push, _: list[Push]) -> Handled:
        tries.append(one)
        if len(tries) == 1:
            raise ValueError("a bug")
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert tries == [sent, sent]


def test_who_waits_for_an_answer_gets_it(spool: Spool) -> None:
    sent = push()

    async def hand_over(one: Push, _: list[Push]) -> Handled:
        assert one == sent
        return STARTED

    async def both() -> tuple[Delivery, Delivery]:
        drain = Drain(spool, hand_over)
        delivery = spool.accept(sent)
        too_soon = await drain.finished(delivery, 0.01)
        draining = asyncio.create_task(drain.run())
        in_time = await drain.finished(delivery, 20)
        draining.cancel()
        return too_soon, in_time

    too_soon, in_time = asyncio.run(both())
    assert too_soon.outcome is None
    assert in_time.outcome == STARTED


def handed_over(spool: Spool, *pushes: Push) -> list[tuple[str, ...] | None]:
    """The files that each was handed over with."""
    seen = []

    async def hand_over(push: Push, known: list[Push]) -> Handled:
        seen.append(push.paths)
        return Handled(ignored="it touches nothing", newest=True)

    async def finish() -> None:
        drain = Drain(spool, hand_over)
        running = asyncio.create_task(drain.run())
        for one in pushes:
            await drain.finished(spool.accept(one), 5)
        running.cancel()

    asyncio.run(finish())
    return seen


def touching(before: str, after: str) -> Push:
    return push(before, after).model_copy(update={"paths": ("README.md",)})


def test_the_files_of_a_push_count_only_if_none_before_it_was_lost(spool: Spool) -> None:
    """A lost one may have touched what the next does not."""
    a, b, c, d, e = (commit() for _ in range(5))
    first, second, after_a_gap = touching(a, b), touching(b, c), touching(d, e)
    assert handed_over(spool, first, second, after_a_gap) == [None, ("README.md",), None]


def test_nor_if_the_one_before_it_was_refused(spool: Spool) -> None:
    a, b, c = (commit() for _ in range(3))
    spool.finish(spool.accept(touching(a, b)), Handled(refused="Prefect refused the run"))
    assert handed_over(spool, touching(b, c)) == [None]


def test_nor_while_the_one_before_it_waits(spool: Spool) -> None:
    """That one will start nothing any more: a newer push has passed it."""
    a, b, c = (commit() for _ in range(3))
    first = spool.accept(touching(a, b))
    for _ in range(TRIES):
        spool.put_off(first, 1e12)
    assert handed_over(spool, touching(b, c)) == [None]


def test_nor_if_the_one_before_it_came_too_late(spool: Spool) -> None:
    a, b, c, d = (commit() for _ in range(4))
    spool.finish(spool.accept(touching(b, d)), STARTED)
    spool.finish(spool.accept(touching(a, b)), OLDER)
    assert handed_over(spool, touching(b, c)) == [None]


def test_one_that_came_too_late_is_not_in_the_way(spool: Spool) -> None:
    a, b, c, d = (commit() for _ in range(4))
    spool.finish(spool.accept(touching(b, c)), STARTED)
    spool.finish(spool.accept(touching(a, b)), OLDER)
    assert handed_over(spool, touching(c, d)) == [("README.md",)]


def test_nor_if_the_branch_had_moved_on_from_there(spool: Spool) -> None:
    """Whatever took it back is lost."""
    a, b, c, d = (commit() for _ in range(4))
    for one in (touching(a, b), touching(b, c)):
        spool.finish(spool.accept(one), STARTED)
    assert handed_over(spool, touching(b, d)) == [None]


def test_nor_if_only_another_hook_told_of_the_one_before_it(spool: Spool) -> None:
    """Each hook is for other deployments."""
    a, b, c = (commit() for _ in range(3))
    spool.finish(spool.accept(signed(touching(a, b), "theirs")), STARTED)
    assert handed_over(spool, signed(touching(b, c), "ours")) == [None]


def test_the_one_just_before_it_is_known_though_it_started_nothing(spool: Spool) -> None:
    """Or a branch that is set back after it would be taken for late."""
    a, b, c, d = (commit() for _ in range(4))
    sent = [push(a, b), push(b, c), push(c, d)]
    for one, outcome in zip(
        sent, [STARTED, STARTED, Handled(ignored="it touches nothing", newest=True)], strict=True
    ):
        spool.finish(spool.accept(one), outcome)
    back = push(d, b)
    known = spool.before(spool.accept(back))
    assert known == sent
    assert place(back, known) is Place.BACK
    # But an older one that is sent once more may still start something.
    assert spool.before(spool.accept(push(commit(), a))) == [*sent[:2], back]


def test_what_was_refused_in_part_is_decided_anew(spool: Spool) -> None:
    sent = push()
    spool.finish(spool.accept(sent), STARTED.model_copy(update={"refused": "409"}))
    assert spool.accept(sent).outcome is None
