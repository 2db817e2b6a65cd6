"""Visitors who load a page and the stylesheet that it names by its fingerprint."""

import re
import threading
import time
from dataclasses import dataclass
from typing import Self

import httpx

from rehearsal.prefect_client import trusting

# Real seconds: more than a visitor may take for a page, in the sandbox's time (`PAGE_SECONDS`).
READS_SECONDS = 1.2
BETWEEN_SECONDS = 0.06
SLOW_SECONDS = 0.5
SHEET = re.compile(r"/assets/application-[0-9a-f]+\.css")


@dataclass(frozen=True)
class Visit:
    """Which version answered with the page, and whether the stylesheet of that page was there.
    `begun` is a time of the monotonic clock."""

    page: str
    whole: bool
    begun: float
    seconds: float


class Visitor:
    """Comes again and again. One who `returns` has the cookies of the last visit."""

    def __init__(
        self, address: str, *, returns: bool, every_seconds: float = BETWEEN_SECONDS
    ) -> None:
        self._address = address
        self._returns = returns
        self._every = READS_SECONDS if returns else every_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen: list[Visit] = []
        self.failures: list[str] = []

    def _run(self) -> None:
        kept = httpx.Cookies()
        # Each browser is a new one: to read everybody's certificates was most of what it did.
        nobody = trusting(self._address)
        while not self._done.wait(self._every):
            try:
                with httpx.Client(
                    base_url=self._address,
                    timeout=10,
                    trust_env=False,
                    verify=nobody,
                    cookies=kept,
                ) as browser:
                    self._visit(browser)
                    kept = browser.cookies if self._returns else kept
            except httpx.HTTPError as error:
                self.failures.append(f"{type(error).__name__}: {error}")

    def _visit(self, browser: httpx.Client) -> None:
        start = time.monotonic()
        answer = browser.get("/").raise_for_status()
        page = answer.headers["X-Revision"]
        # A simulated machine's page names none, and has one all the same.
        named = SHEET.search(answer.text)
        sheet = browser.get(named[0] if named else f"/assets/application-{page}.css")
        if sheet.status_code not in {200, 404}:
            self.failures.append(f"stylesheet: {sheet.status_code}")
        self.seen.append(Visit(page, sheet.status_code == 200, start, time.monotonic() - start))

    @property
    def broken(self) -> list[Visit]:
        """Pages without their stylesheets. Of one who took longer than is promised they may be:
        that is this machine's load, and none of the release's."""
        return [one for one in self.seen if not one.whole and one.seconds < SLOW_SECONDS]

    @property
    def versions(self) -> list[str]:
        """One after the other, as this visitor saw them."""
        pages = [one.page for one in self.seen]
        return [one for at, one in enumerate(pages) if at == 0 or pages[at - 1] != one]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(15)
