"""SQLite in Prefect's server: the garbage collector beside it, and transactions that meet. See
spotkiln/cli/server.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs

# One thread waits for a lock, in the connection that some garbage belongs to; the other can end
# the wait, unless the collector makes it wait for that connection.
SCENE = """
import gc, sqlite3, sys, threading, time
from spotkiln.cli.server import collect_aside
if sys.argv[1] == "aside":
    collect_aside()
BUSY = 6
holder = sqlite3.connect(sys.argv[2], isolation_level=None)
holder.execute("CREATE TABLE t (x)")
waiter = sqlite3.connect(
    sys.argv[2], timeout=BUSY, isolation_level=None, check_same_thread=False
)
cycle = [waiter.execute("SELECT 1 UNION SELECT 2")]
cycle.append(cycle)
del cycle
holder.execute("BEGIN IMMEDIATE")
thread = threading.Thread(target=lambda: waiter.execute("INSERT INTO t VALUES (1)"))
thread.start()
time.sleep(0.5)
begin, kept = time.monotonic(), []
while time.monotonic() < begin + 2:
    kept.append([len(kept)])  # what makes the collector run
    time.sleep(0.0005 if len(kept) % 100 == 0 else 0)
took = time.monotonic() - begin
holder.execute("COMMIT")
thread.join()
print(took)
"""


def seconds(how: str, database: object) -> float:
    done = subprocess.run(
        [sys.executable, "-c", SCENE, how, str(database)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Without its cure the waiting thread gives up, and says so.
    assert done.stdout, done.stderr
    return float(done.stdout)


def test_the_collector_does_not_make_the_event_loop_wait_for_sqlite(tmp_path: Path) -> None:
    alone, aside = seconds("alone", tmp_path / "alone"), seconds("aside", tmp_path / "aside")
    assert alone > 4, f"the scene does not show the trouble: {alone:.1f} s"
    assert aside < 4, f"{aside:.1f} s"


# One transaction has read, another one writes, then the first one writes as well.
MEETING = """
import asyncio, sys
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy import text
from spotkiln.cli.server import begin_as_writers
if sys.argv[1] == "writers":
    begin_as_writers()

async def main():
    database = AioSqliteConfiguration("sqlite+aiosqlite:///" + sys.argv[2])
    engine = await database.engine()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (x)"))

    async def add(meanwhile):
        async with await database.session(engine) as session:
            # As Prefect's own calls begin most of theirs.
            async with database.begin_transaction(session, with_for_update=False):
                await session.execute(text("SELECT count(*) FROM t"))
                await meanwhile()
                await session.execute(text("INSERT INTO t VALUES (1)"))

    async def nothing():
        pass

    async def another():
        others.append(asyncio.create_task(add(nothing)))
        await asyncio.wait(others, timeout=1)

    others = []
    await add(another)
    await others[0]
    async with await database.session(engine) as session:
        print((await session.execute(text("SELECT count(*) FROM t"))).scalar())

asyncio.run(main())
"""


@pytest.mark.parametrize(("how", "said"), [("readers", "database is locked"), ("writers", "2\n")])
def test_a_transaction_waits_until_it_may_write(tmp_path: Path, how: str, said: str) -> None:
    """And is not refused: that Prefect's own would be is why the server changes them."""
    done = subprocess.run(
        [sys.executable, "-c", MEETING, how, str(tmp_path / "database")],
        env={**os.environ, "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said in (done.stderr if how == "readers" else done.stdout), done.stderr
