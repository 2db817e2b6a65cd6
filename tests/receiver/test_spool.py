"""The spool on disk, and what empties it."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from receiver.drain import AWAY, BACKOFF, Drain, pause
from receiver.handover import PrefectAway
from receiver.spool import KEEP, TRIES, Delivery, Outcome, Run, Spool
from spotkiln.errors import InfrastructureError
from spotkiln.poll import Backoff
from spotkiln.push import Host, Push
from tests.receiver.service import commit

STARTED = Outcome(runs=(Run(deployment="release/shop", id="1", url="http://ui.test/1"),))


def push(before: str = "", after: str = "", repository: str = "example.com/shop") -> Push:
    after = after or commit()
    return Push(
        host=Host.GITEA,
        repositories=(repository,),
        ref="refs/heads/main",
        before=before or commit(),
        after=after,
        commit=after,
    )


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def test_what_is_accepted_is_there_after_a_crash(spool: Spool, tmp_path: Path) -> None:
    """Nothing is closed or flushed before another opens it."""
    sent = push()
    accepted = spool.accept(sent)
    (found,) = Spool(tmp_path).due(0)
    assert found == accepted
    assert found.push == sent


def test_the_same_push_is_the_same_delivery(spool: Spool) -> None:
    sent = push()
    first = spool.accept(sent)
    assert spool.accept(sent.model_copy(update={"host": Host.GITHUB})).id == first.id
    assert spool.accept(push(before=sent.before)).id != first.id
    spool.settle(first, STARTED)
    again = spool.accept(sent)
    assert (again.id, again.outcome) == (first.id, STARTED)
    assert spool.waiting() == 1


@pytest.mark.parametrize("outcome", [Outcome(ignored="nobody"), Outcome(refused="409")])
def test_what_started_nothing_is_decided_anew(spool: Spool, outcome: Outcome) -> None:
    sent = push()
    first = spool.accept(sent)
    spool.settle(first, outcome)
    assert spool.waiting() == 0
    again = spool.accept(sent.model_copy(update={"secret": "the right one"}))
    assert (again.id, again.outcome, again.push.secret) == (first.id, None, "the right one")


def test_the_pushes_before_it_of_the_same_ref(spool: Spool) -> None:
    first, ignored, other, last = push(), push(), push(repository="example.com/blog"), push()
    spool.settle(spool.accept(first), STARTED)
    spool.settle(spool.accept(ignored), Outcome(ignored="nobody"))
    spool.accept(other)
    waiting = push()
    spool.accept(waiting)
    delivery = spool.accept(last)
    spool.accept(push())
    assert spool.before(delivery) == [first, waiting]


def test_what_stays_on_the_disk_is_bounded(spool: Spool, tmp_path: Path) -> None:
    kept = spool.accept(push())
    for _ in range(KEEP + 50):
        spool.settle(spool.accept(push()), STARTED)
    rows = sqlite3.connect(tmp_path / "deliveries.sqlite").execute(
        "SELECT count(*) FROM deliveries"
    )
    assert rows.fetchone() == (KEEP + 1,)
    # What waits is never among those that go.
    assert [one.id for one in spool.due(0)] == [kept.id]
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert size < 8 * 1024 * 1024


def test_pauses_grow_to_a_bound() -> None:
    assert [pause(BACKOFF, tries) for tries in (0, 1, 2, 10)] == [1.0, 2.0, 4.0, 30.0]
    assert pause(AWAY, 10_000) == 10.0


# -- emptied --


async def emptied(
    spool: Spool, hand_over: Callable[[Push, list[Push]], Awaitable[Outcome]]
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

    async def hand_over(one: Push, known: list[Push]) -> Outcome:
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

    async def hand_over(one: Push, _: list[Push]) -> Outcome:
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

    async def hand_over(one: Push, _: list[Push]) -> Outcome:
        tries.append(one)
        if one == bad and tries.count(bad) < 2:
            raise InfrastructureError("500")
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert tries == [bad, other, bad, newer]


def test_one_that_prefect_always_fails_at_does_not_hold_its_branch(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.drain.BACKOFF", Backoff(first=0.01, factor=1, maximum=0.01))
    bad, newer = (spool.accept(push()) for _ in range(2))
    tries: list[Push] = []

    async def hand_over(one: Push, _: list[Push]) -> Outcome:
        tries.append(one)
        if one == bad.push:
            raise InfrastructureError("500")
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert tries == [bad.push] * TRIES + [newer.push]
    settled = spool.find(bad.id)
    assert settled and settled.outcome and "newer push" in settled.outcome.ignored


def test_what_nobody_foresaw_does_not_end_it(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.drain.BACKOFF", AWAY)
    sent = push()
    spool.accept(sent)
    tries: list[Push] = []

    async def hand_over(one: Push, _: list[Push]) -> Outcome:
        tries.append(one)
        if len(tries) == 1:
            raise ValueError("a bug")
        return STARTED

    asyncio.run(emptied(spool, hand_over))
    assert tries == [sent, sent]


def test_who_waits_for_an_answer_gets_it(spool: Spool) -> None:
    sent = push()

    async def hand_over(one: Push, _: list[Push]) -> Outcome:
        assert one == sent
        return STARTED

    async def both() -> tuple[Delivery, Delivery]:
        drain = Drain(spool, hand_over)
        delivery = spool.accept(sent)
        too_soon = await drain.settled(delivery, 0.01)
        draining = asyncio.create_task(drain.run())
        in_time = await drain.settled(delivery, 20)
        draining.cancel()
        return too_soon, in_time

    too_soon, in_time = asyncio.run(both())
    assert too_soon.outcome is None
    assert in_time.outcome == STARTED
