"""Deliveries on disk: those that wait for Prefect, and what became of the latest of the others.

SQLite, one table; every change is on the disk before it counts. No queue library is used: those
hand out items, and here we must also know what became of an item, whether it came before, and in
which order those of a branch came.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from spotkiln.noun import Noun
from spotkiln.start.push import Push

log = logging.getLogger("spotkiln.receiver")
KEEP = 1000
# A delivery is tried so often, for about a minute, before newer ones of its ref may pass it.
TRIES = 6
TABLE = """
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    push TEXT NOT NULL,
    repository TEXT NOT NULL,
    ref TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    waits INTEGER NOT NULL DEFAULT 1,
    tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT '',
    secret TEXT NOT NULL DEFAULT '',
    moment TEXT NOT NULL DEFAULT '',
    UNIQUE (repository, ref, before, after, secret, moment)
)
"""
# Two hooks may tell of one push, each for other deployments: the signer tells them apart. A branch
# may also take the same step twice: the time tells these apart.
SAME = "repository = ? AND ref = ? AND before = ? AND after = ? AND secret = ? AND moment = ?"
COLUMNS = "number, id, push, repository, ref, before, after, waits, tries, due, answer"
# Turns the table of an earlier version into this one.
FIELD = "CASE WHEN json_valid(push) THEN coalesce(json_extract(push, '$.{}'), '') ELSE '' END"
OLDER = f"""
ALTER TABLE deliveries RENAME TO older;
{TABLE};
INSERT INTO deliveries ({COLUMNS}, secret, moment)
SELECT {COLUMNS}, {FIELD.format("secret")}, replace({FIELD.format("pushed")}, 'Z', '+00:00')
FROM older;
DROP TABLE older;
"""  # noqa: S608 - our own words
# Rows that could not be read, for a person to look at.
ASIDE = "CREATE TABLE IF NOT EXISTS aside (id TEXT PRIMARY KEY, push TEXT, answer TEXT)"
# Waits, and is the first of its ref: a run that an older push made later would count as the newer.
FIRST = f"""
waits AND NOT EXISTS (
    SELECT 1 FROM deliveries AS older
    WHERE older.repository = deliveries.repository AND older.ref = deliveries.ref
    AND older.waits AND older.number < deliveries.number AND older.tries < {TRIES}
)
"""  # noqa: S608 - our own words


class StartedRun(Noun):
    """A flow run that a delivery asked for."""

    deployment: str
    id: str
    url: str


class Handled(Noun):
    """What became of a delivery. `newest`: it was the newest of its ref, and not one that came too
    late."""

    runs: tuple[StartedRun, ...] = ()
    ignored: str = ""
    refused: str = ""
    newest: bool = False


class Delivery(BaseModel):
    """A push as it was accepted. `outcome` is None while it waits."""

    number: int
    id: str
    push: Push
    tries: int = 0
    outcome: Handled | None = None


def _key(push: Push) -> tuple[str, ...]:
    return (push.repositories[0], push.ref, push.before, push.after, push.secret, push.moment)


class Spool:
    """One process uses it at a time. Times are seconds since 1970."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(folder / "deliveries.sqlite", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # Each commit is flushed to the disk before it returns.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(TABLE)
        columns = {row["name"] for row in self._db.execute("PRAGMA table_info(deliveries)")}
        if "secret" not in columns:
            self._db.executescript(f"BEGIN IMMEDIATE; {OLDER} COMMIT;")

    def close(self) -> None:
        self._db.close()

    def _select(self, where: str, *values: object) -> Iterator[Delivery]:
        with closing(self._db.execute(f"SELECT * FROM deliveries WHERE {where}", values)) as rows:  # noqa: S608 - our own words
            for row in rows.fetchall():
                if found := self._read(row):
                    yield found

    def _read(self, row: sqlite3.Row) -> Delivery | None:
        """None if the row cannot be read. It is set aside, so that the others do not wait for
        it."""
        try:
            return Delivery(
                number=row["number"],
                id=row["id"],
                push=Push.model_validate_json(row["push"]),
                tries=row["tries"],
                outcome=None if row["waits"] else Handled.model_validate_json(row["answer"]),
            )
        except ValidationError as error:
            log.error("delivery %s cannot be read, and is set aside: %s", row["id"], error)  # noqa: TRY400 - no fault of the code
            self._db.execute("DELETE FROM deliveries WHERE number = ?", (row["number"],))
            self._db.execute(ASIDE)
            self._db.execute(
                "INSERT OR REPLACE INTO aside VALUES (?, ?, ?)",
                (row["id"], row["push"], row["answer"]),
            )
            return None

    def accept(self, push: Push) -> Delivery:
        """Keep the push; on return it is on the disk. A push that came before is the same delivery
        again: if it started all that it should, nothing changes; if not, it is decided anew."""
        key = _key(push)
        known = next(self._select(SAME, *key), None)
        if known is None:
            self._db.execute(
                "INSERT INTO deliveries (id, push, repository, ref, before, after, secret, moment) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (uuid4().hex, push.model_dump_json(), *key),
            )
        elif known.outcome and (known.outcome.refused or not known.outcome.runs):
            # It goes to the end of the line: what came after it may have started already.
            self._db.execute(
                "UPDATE deliveries SET number = (SELECT max(number) + 1 FROM deliveries), "
                "waits = 1, tries = 0, due = 0, push = ?, answer = '' WHERE number = ?",
                (push.model_dump_json(), known.number),
            )
        return next(self._select(SAME, *key))

    def accept_all(self, pushes: Iterable[Push]) -> list[Delivery]:
        """All of them, or none. The disk is waited for once."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            kept = [self.accept(one) for one in pushes]
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return kept

    def find(self, delivery: str) -> Delivery | None:
        return next(self._select("id = ?", delivery), None)

    def waiting(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM deliveries WHERE waits").fetchone()[0])

    def due(self, now: float, limit: int = 50) -> list[Delivery]:
        """The deliveries to try now: one of each ref, in the order in which they came."""
        return list(self._select(f"{FIRST} AND due <= ? ORDER BY number LIMIT ?", now, limit))

    def next_due(self) -> float | None:
        found = self._db.execute(f"SELECT min(due) FROM deliveries WHERE {FIRST}").fetchone()[0]  # noqa: S608
        return None if found is None else float(found)

    def before(self, delivery: Delivery) -> list[Push]:
        """The pushes of the same ref that came before it and started, or may start, something;
        oldest first. The one that it goes on from is among them even if it started nothing: else a
        ref that is set back from there would look like a push that came late."""
        found = self._select(
            "repository = ? AND ref = ? AND number < ? ORDER BY number",
            *(delivery.push.repositories[0], delivery.push.ref, delivery.number),
        )
        start = delivery.push.before
        return [
            one.push
            for one in found
            if one.outcome is None
            or one.outcome.runs
            or (one.outcome.newest and one.push.after == start)
        ]

    def follows(self, delivery: Delivery) -> bool:
        """Whether all that the same hook told of the ref before has been handled, and the push goes
        on from there. Else something was pushed between that started nothing here."""
        push = delivery.push
        found = self._select(
            "repository = ? AND ref = ? AND secret = ? AND number < ? ORDER BY number DESC",
            *(push.repositories[0], push.ref, push.secret, delivery.number),
        )
        last: Delivery | None = None
        for one in found:
            if one.outcome is None:
                return False
            if one.outcome.runs or one.outcome.newest or one.outcome.refused:
                last = last or one
        if last is None or last.outcome is None:
            return False
        return not last.outcome.refused and last.push.after == push.before

    def passed(self, delivery: Delivery) -> bool:
        """Whether it was tried for so long that a newer push of the same ref started something
        first."""
        if delivery.tries < TRIES:
            return False
        found = self._select(
            "repository = ? AND ref = ? AND number > ? AND NOT waits",
            *(delivery.push.repositories[0], delivery.push.ref, delivery.number),
        )
        return any(x.outcome and x.outcome.runs for x in found)

    def put_off(self, delivery: Delivery, until: float) -> None:
        self._db.execute(
            "UPDATE deliveries SET tries = tries + 1, due = ? WHERE number = ?",
            (until, delivery.number),
        )

    def finish(self, delivery: Delivery, outcome: Handled) -> None:
        """It waits no more. The latest of those that do not wait are kept, to recognise them; but
        not the files that they touch, which may be thousands."""
        kept = delivery.push.model_copy(update={"paths": None})
        self._db.execute(
            "UPDATE deliveries SET waits = 0, answer = ?, push = ? WHERE number = ?",
            (outcome.model_dump_json(), kept.model_dump_json(), delivery.number),
        )
        self._db.execute(
            "DELETE FROM deliveries WHERE NOT waits AND number <= "
            "(SELECT max(number) FROM deliveries) - ?",
            (KEEP,),
        )
