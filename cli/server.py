"""Prefect's server, kept from standing still on SQLite.

A statement that failed because the database was busy stays in its traceback, a cycle, until the
garbage collector frees it; and to free it, it must have its connection. If the collector happens to
run in the event loop's thread while that connection waits for a transaction that only the event
loop can end, both wait until SQLite gives up: no request is answered for a minute (seen with
Prefect 3.8.8). In a thread of its own the collector waits alone.
"""

import gc
import itertools
import sys
import threading
import time

EVERY_SECONDS = 1.0
# One collection of so many looks at everything, the others at what is young.
WHOLE = 30


def _collect() -> None:
    for count in itertools.count(1):
        time.sleep(EVERY_SECONDS)
        gc.collect(2 if count % WHOLE == 0 else 1)


def collect_aside() -> None:
    """From now on garbage is collected by a thread that does nothing else."""
    gc.disable()
    threading.Thread(target=_collect, name="garbage collector", daemon=True).start()


def serve(*arguments: str) -> None:
    """`prefect server start` with these arguments, in this process, until it ends."""
    collect_aside()
    # Only here: it takes a second.
    from prefect.cli import app

    sys.argv = ["prefect", "server", "start", *arguments]
    app()


if __name__ == "__main__":
    serve(*sys.argv[1:])
