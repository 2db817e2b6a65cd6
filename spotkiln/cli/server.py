"""Prefect's server, kept from standing still on SQLite, and from losing what it was to write.

A statement that failed because the database was busy stays in its traceback, a cycle, until the
garbage collector frees it; and to free it, it must have its connection. If the collector happens to
run in the event loop's thread while that connection waits for a transaction that only the event
loop can end, both wait until SQLite gives up: no request is answered for a minute (seen with
Prefect 3.8.8). In a thread of its own the collector waits alone.

Most of Prefect's transactions begin as readers. When one of them wants to write and another one has
written since, SQLite refuses it at once, however long it may wait: a request is answered by 503, an
event is lost for the automations, a worker's heartbeat is missed (22 times in 22 s, with eight
releases at once). A transaction that begins as a writer waits for its turn.
"""

import gc
import itertools
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from spotkiln.errors import InputError
from spotkiln.start import ui

UI_URL = "PREFECT_UI_URL"
AUTH_STRING = "PREFECT_SERVER_API_AUTH_STRING"
EVERY_SECONDS = 1.0
# Every 30th collection looks at all objects, the others only at young ones.
WHOLE = 30


def _collect() -> None:
    for count in itertools.count(1):
        time.sleep(EVERY_SECONDS)
        gc.collect(2 if count % WHOLE == 0 else 1)


def collect_aside() -> None:
    """From now on garbage is collected by a thread that does nothing else."""
    gc.disable()
    threading.Thread(target=_collect, name="garbage collector", daemon=True).start()


def begin_as_writers() -> None:
    """From now on each transaction on SQLite waits until it may write, and then begins."""
    # Only here: it takes a second. The server will need it in any case.
    from prefect.server.database.configurations import AioSqliteConfiguration

    begin = AioSqliteConfiguration.begin_transaction

    def as_writer(*asked: Any, **how: Any) -> Any:
        return begin(*asked, **{**how, "with_for_update": True})

    AioSqliteConfiguration.begin_transaction = as_writer  # type: ignore[method-assign]


def guarded(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server that only those who know its password can use, and whose
    notifications link to the UI that opens by default. What is set already stays.

    Whoever may call the API may run code on the workers. Without a password that is every user of
    this machine, and every web page that one of them opens.

    Raises:
        InputError: there is no password.
    """
    name, colon, password = environment.get(AUTH_STRING, "").partition(":")
    if not (name and colon and password):
        raise InputError(
            f"the API would be open to everyone who reaches it: set {AUTH_STRING} to "
            "name:password, and PREFECT_API_AUTH_STRING to the same for workers and people; "
            "`spotkiln docs team` says how"
        )
    address = environment.get(UI_URL, "http://127.0.0.1:4200")
    older = environment.get(ui.ENABLED, "").lower() in {"0", "false"}
    defaults = {
        # The UI comes from the same origin: no other one needs to call the API.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ui.origin(address),
        # Prefect's own clients and its UI send the token by themselves.
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    }
    return {**defaults, **environment, UI_URL: address if older else ui.newer(address)}


def replace_this_process(*arguments: str) -> None:
    """Become the guarded server. A new program is needed: this one has read its environment."""
    command = [sys.executable, "-m", "spotkiln.cli.server", *arguments]
    os.execve(sys.executable, command, guarded(os.environ))  # noqa: S606 - no shell is wanted


def serve(*arguments: str) -> None:
    """`prefect server start` with these arguments, in this process, until it ends."""
    collect_aside()
    begin_as_writers()
    # Only here: it takes a second.
    from prefect.cli import app
    from prefect.server.api import server  # noqa: F401 - it is what will be served

    # All of that stays. To look through it again and again was a tenth of the server's work.
    gc.collect()
    gc.freeze()

    sys.argv = ["prefect", "server", "start", *arguments]
    app()


if __name__ == "__main__":
    serve(*sys.argv[1:])
