"""A light, steady load through the load balancer: what a visitor would notice of all this."""

import threading
from typing import Self

import httpx

from tests import plain


class Load:
    def __init__(self, address: str, every_seconds: float = 0.1) -> None:
        self._address = address
        self._every = every_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0
        self.failures: list[str] = []

    def _run(self) -> None:
        with plain.visitor(timeout=10) as http:
            while not self._done.wait(self._every):
                self.sent += 1
                try:
                    answer = http.get(self._address)
                except httpx.HTTPError as error:
                    self.failures.append(f"{type(error).__name__}: {error}")
                else:
                    if answer.status_code != 200:
                        self.failures.append(f"{answer.status_code} {answer.text[:80]}")

    def take_failures(self) -> list[str]:
        """Those since the last time."""
        taken, self.failures = self.failures, []
        return taken

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(15)
