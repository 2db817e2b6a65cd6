"""The spool on disk, and what empties it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotkiln.receiver.spool import KEEP, Delivery, Handled, Spool
from spotkiln.start.push import Push
from tests.receiver.pushes import START, STARTED, push, spool

__all__ = ["spool"]

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


# -- emptied --
