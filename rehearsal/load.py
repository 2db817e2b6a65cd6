"""A steady load on one address, in a process of its own; every request is accounted for."""

import argparse
import asyncio
import json
import re
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

REVISION = re.compile(r"[Rr]evision (?:<code>)?([0-9a-f]{12})")


@dataclass
class Tally:
    """What a load saw. Times in seconds since it began; at most 50 failures are kept in words."""

    sent: int = 0
    failed: int = 0
    revisions_seen: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, at: float, problem: str | None, body: str) -> None:
        match = REVISION.search(body)
        if problem is None and match is None:
            problem = "an answer without a revision"
        if match and match[1] not in self.revisions_seen:
            self.revisions_seen.append(match[1])
        if problem:
            self.failed += 1
            if len(self.failures) < 50:
                self.failures.append(f"{at:.2f} s: {problem}")


async def one_request(session: aiohttp.ClientSession, url: str, tally: Tally, start: float) -> None:
    tally.sent += 1
    at = time.monotonic() - start
    try:
        async with session.get(url) as answer:
            body = await answer.text()
            tally.take(at, None if answer.status == 200 else f"HTTP {answer.status}", body)
    except (aiohttp.ClientError, TimeoutError) as error:
        tally.take(at, f"{type(error).__name__}: {error}", "")


async def run(url: str, rate: float, seconds: float, out: Path) -> None:
    """Requests at a steady rate until SIGTERM or for `seconds`; the tally goes to `out`."""
    tally = Tally()
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    start = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
        number = 0
        while not stop.is_set() and time.monotonic() - start < seconds:
            group.create_task(one_request(session, url, tally, start))
            number += 1
            if number % int(rate) == 0:
                tally.seconds = time.monotonic() - start
                write(out, tally)
            # By the clock and not by the pause: a late request does not lower the rate.
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
    tally.seconds = time.monotonic() - start
    write(out, tally)


def write(out: Path, tally: Tally) -> None:
    new = out.with_suffix(".new")
    new.write_text(json.dumps(asdict(tally), indent=1))
    new.replace(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most")
    options = parser.parse_args()
    asyncio.run(run(options.url, options.rate, options.seconds, options.out))


if __name__ == "__main__":
    main()
