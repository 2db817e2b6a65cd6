"""Keeps the account in the sandbox's directory, so that the next sandbox there can go on with it,
also after a `kill -9`."""

import logging
import threading

from sandbox.engine.engine import Engine
from sandbox.process.directory import Directory
from sandbox.state import kept

log = logging.getLogger(__name__)

# A process that is killed loses at most as much.
EVERY_SECONDS = 3.0


class Keeper:
    def __init__(self, engine: Engine, name: str, machines: str, directory: Directory) -> None:
        self._engine = engine
        self._name = name
        self._machines = machines
        self._directory = directory
        self._stopping = threading.Event()
        self._saved = -1
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """After the last change."""
        self._stopping.set()
        self._thread.join(timeout=30)
        self._keep()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            try:
                self._keep_changes()
            except Exception:
                log.exception("the account could not be kept; the next time tries again")

    def _keep_changes(self) -> None:
        account = self._engine.account
        with account.lock:
            if account.changes == self._saved and self._engine.idle():
                return
        self._keep()

    def _keep(self) -> None:
        account = self._engine.account
        with account.lock:
            self._saved = account.changes
            data = kept.dump(account, self._name, self._machines)
        self._directory.keep(data)
