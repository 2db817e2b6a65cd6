"""The spool on disk, and what empties it."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotkiln.errors import InfrastructureError, PrefectAway
from spotkiln.poll import Backoff
from spotkiln.receiver.drain import AWAY, BACKOFF, Drain, pause
from spotkiln.receiver.spool import KEEP, TRIES, Delivery, Handled, Spool, StartedRun
from spotkiln.start.hooks import Host
from spotkiln.start.order import Place, place
from spotkiln.start.push import Push
from tests.receiver.service import commit

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
# The table as it was before signer and time told two deliveries apart.
EARLIER = """
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, push TEXT NOT NULL,
    repository TEXT NOT NULL, ref TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    waits INTEGER NOT NULL DEFAULT 1, tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0, answer TEXT NOT NULL DEFAULT '',
    UNIQUE (repository, ref, before, after)
)
"""
STARTED = Handled(runs=(StartedRun(deployment="release/shop", id="1", url="http://ui.test/1"),))


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
    assert spool.accept(sent).id == first.id
    assert spool.accept(push(before=sent.before)).id != first.id
    spool.finish(first, STARTED)
    again = spool.accept(sent)
    assert (again.id, again.outcome) == (first.id, STARTED)
    assert spool.waiting() == 1


@pytest.mark.parametrize("outcome", [Handled(ignored="nobody"), Handled(refused="409")])
def test_what_started_nothing_is_decided_anew(spool: Spool, outcome: Handled) -> None:
    sent = push()
    first = spool.accept(sent)
    spool.finish(first, outcome)
    assert spool.waiting() == 0
    again = spool.accept(sent)
    assert (again.id, again.outcome) == (first.id, None)


def test_what_is_decided_anew_comes_after_what_came_meanwhile(spool: Spool) -> None:
    """Or it would be taken for newer than what has been started since."""
    first, second = push(), push()
    spool.finish(spool.accept(first), Handled(ignored="nobody"))
    spool.finish(spool.accept(second), STARTED)
    again = spool.accept(first)
    assert spool.before(again) == [second]


def test_two_hooks_that_tell_of_one_push_are_two_deliveries(spool: Spool) -> None:
    """Each may be for other deployments, and while Prefect is away nobody knows which."""
    sent = push()
    ours, theirs = (sent.model_copy(update={"secret": name}) for name in ("ours", "theirs"))
    first, second = spool.accept(ours), spool.accept(theirs)
    assert first.id != second.id
    assert spool.accept(ours).id == first.id
    spool.finish(first, Handled(ignored="another secret"))
    assert [one.push.secret for one in spool.due(0)] == ["theirs"]
    spool.finish(second, STARTED)
    # What the other started is no reason to start nothing.
    third = spool.accept(sent.model_copy(update={"secret": "third"}))
    assert third.outcome is None


def test_the_same_step_taken_again_is_another_push(spool: Spool) -> None:
    """There, back, and there again; the host tells when."""
    sent = push()
    at_one = sent.model_copy(update={"pushed": datetime(2024, 5, 1, 13, tzinfo=UTC)})
    at_two = sent.model_copy(update={"pushed": datetime(2024, 5, 1, 14, tzinfo=UTC)})
    spool.finish(spool.accept(at_one), STARTED)
    assert spool.accept(at_one).outcome == STARTED
    assert spool.accept(at_two).outcome is None


def test_all_refs_of_a_delivery_are_kept_or_none(spool: Spool) -> None:
    sent = [push(), push()]
    assert [one.push for one in spool.accept_all(sent)] == sent

    def breaks() -> Iterator[Push]:
        yield push()
        raise MemoryError

    with pytest.raises(MemoryError):
        spool.accept_all(breaks())
    assert spool.waiting() == 2
    assert spool.accept_all(sent)[0].push == sent[0]


def test_a_row_that_cannot_be_read_is_set_aside(spool: Spool, tmp_path: Path) -> None:
    first, second, third = (spool.accept(push()) for _ in range(3))
    spool.finish(third, STARTED)
    with closing(sqlite3.connect(tmp_path / "deliveries.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE deliveries SET push = '{\"host\": 7' WHERE id = ?", (first.id,))
        db.execute("UPDATE deliveries SET answer = 'x' WHERE id = ?", (third.id,))
        due: list[Delivery] = []
        for _ in range(2):
            due += spool.due(0)
        assert [one.id for one in due] == [second.id]
        assert spool.find(third.id) is None
        aside = db.execute("SELECT id FROM aside ORDER BY id").fetchall()
    assert [name for (name,) in aside] == sorted([first.id, third.id])
    assert spool.waiting() == 1


def test_a_spool_of_an_earlier_version_loses_nothing(tmp_path: Path) -> None:
    sent = push().model_copy(update={"secret": "hooks", "pushed": START})
    with closing(sqlite3.connect(tmp_path / "deliveries.sqlite", isolation_level=None)) as db:
        db.execute(EARLIER)
        row = ("a", sent.model_dump_json(), sent.repositories[0], sent.ref, sent.before, sent.after)
        insert = "INSERT INTO deliveries (id, push, repository, ref, before, after) VALUES "
        db.execute(f"{insert} (?, ?, ?, ?, ?, ?)", row)
        db.execute(f"{insert} ('b', 'torn', 'r', 'x', 'y', 'z')")
    for _ in range(2):
        spool = Spool(tmp_path)
        assert [one.push for one in spool.due(0)] == [sent]
        assert spool.accept(sent).id == "a"
        spool.close()


def test_the_pushes_before_it_of_the_same_ref(spool: Spool) -> None:
    first, ignored, other, last = push(), push(), push(repository="example.com/blog"), push()
    spool.finish(spool.accept(first), STARTED)
    spool.finish(spool.accept(ignored), Handled(ignored="nobody"))
    spool.accept(other)
    waiting = push()
    spool.accept(waiting)
    delivery = spool.accept(last)
    spool.accept(push())
    assert spool.before(delivery) == [first, waiting]


def test_what_stays_on_the_disk_is_bounded(spool: Spool, tmp_path: Path) -> None:
    kept = spool.accept(push())
    for _ in range(KEEP + 50):
        spool.finish(spool.accept(push()), STARTED)
    rows = sqlite3.connect(tmp_path / "deliveries.sqlite").execute(
        "SELECT count(*) FROM deliveries"
    )
    assert rows.fetchone() == (KEEP + 1,)
    # What waits is never among those that go.
    assert [one.id for one in spool.due(0)] == [kept.id]
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert size < 8 * 1024 * 1024


def test_of_what_waits_no_more_the_files_are_not_kept(spool: Spool) -> None:
    """All of a branch are read for each push of it."""
    sent = push().model_copy(update={"paths": ("web/a.js",)})
    delivery = spool.accept(sent)
    assert delivery.push.paths == ("web/a.js",)
    spool.finish(delivery, STARTED)
    found = spool.find(delivery.id)
    assert found and found.push == sent.model_copy(update={"paths": None})


def test_pauses_grow_to_a_bound() -> None:
    assert [pause(BACKOFF, tries) for tries in (0, 1, 2, 10)] == [1.0, 2.0, 4.0, 30.0]
    assert pause(AWAY, 10_000) == 10.0


# -- emptied --


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


OLDER = Handled(ignored="older than one that came before it")


def signed(push: Push, secret: str) -> Push:
    return push.model_copy(update={"secret": secret})


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
