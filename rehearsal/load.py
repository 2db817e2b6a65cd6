"""A steady load of visits: pages with what they make a browser fetch, in a process of its own;
every request is accounted for."""

import argparse
import asyncio
import itertools
import json
import re
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from rehearsal.links import assets

REVISION = re.compile(r"[Rr]evision (?:<code>)?([0-9a-f]{12})")
TOLD = 500
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Plan:
    """`pages` are paths, each with the status that it answered at rest. `absent` are assets that
    answered with an error then: nobody's fault now. `rate` is in visits a second. With `revision`
    each page must name the commit that it comes from."""

    address: str
    pages: dict[str, int]
    absent: tuple[str, ...] = ()
    rate: float = 5.0
    with_assets: bool = True
    revision: bool = False


@dataclass
class Tally:
    """What a load saw. `start` is of the monotonic clock, all other times are seconds since;
    `by_second` has, for each of them, how many requests were sent and how many of those failed.
    At most 500 failures are kept in words."""

    start: float = 0.0
    sent: int = 0
    failed: int = 0
    revisions_seen: list[str] = field(default_factory=list)
    failures: list[dict[str, object]] = field(default_factory=list)
    by_second: dict[int, list[int]] = field(default_factory=dict)
    seconds: float = 0.0

    def take(self, at: float, path: str, problem: str) -> None:
        """A request has ended; `at` is when it was sent."""
        of_second = self.by_second.setdefault(int(at), [0, 0])
        self.sent += 1
        of_second[0] += 1
        if not problem:
            return
        self.failed += 1
        of_second[1] += 1
        if len(self.failures) < TOLD:
            self.failures.append({"at": round(at, 2), "path": path, "problem": problem})

    def read(self, body: str) -> str:
        """The commit that a page comes from is seen; what is wrong if it names none."""
        match = REVISION.search(body)
        if match is None:
            return "an answer without a revision"
        if match[1] not in self.revisions_seen:
            self.revisions_seen.append(match[1])
        return ""


def problem_of(status: int, expected: int | None) -> str:
    """What is wrong with an answer; empty if nothing. `expected`: at rest; None for an asset, which
    has to be there."""
    if status == expected or (expected is None and status < 400):
        return ""
    return f"HTTP {status}" if not expected else f"HTTP {status}, at rest {expected}"


class Visitor:
    def __init__(self, session: aiohttp.ClientSession, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self.tally = Tally(start=time.monotonic())

    @property
    def now(self) -> float:
        return time.monotonic() - self.tally.start

    async def visit(self, path: str) -> None:
        """A page, and then at once all that it needs."""
        body = await self._get(path, self._plan.pages[path], page=True)
        if self._plan.with_assets and body:
            found = [one for one in assets(path, body) if one not in self._plan.absent]
            await asyncio.gather(*(self._get(one, None) for one in found))

    async def _get(self, path: str, expected: int | None, *, page: bool = False) -> str:
        """Its text, if it is HTML and as it should be."""
        at, problem, body = self.now, "", ""
        try:
            async with self._session.get(
                self._plan.address + path, allow_redirects=False
            ) as answer:
                content = await answer.read()
                problem = problem_of(answer.status, expected)
                if page and (self._plan.revision or "html" in answer.content_type):
                    body = content.decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = f"{type(error).__name__}: {error}".rstrip(": ")
        if page and self._plan.revision and not problem:
            problem = self.tally.read(body)
        self.tally.take(at, path, problem)
        return "" if problem else body


async def run(plan: Plan, seconds: float, out: Path) -> None:
    """Visits at a steady rate until SIGTERM or for `seconds`; the tally goes to `out`."""
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
        asyncio.TaskGroup() as group,
    ):
        visitor = Visitor(session, plan)
        written = 0.0
        for number, path in enumerate(itertools.cycle(plan.pages)):
            if stop.is_set() or visitor.now > seconds:
                break
            group.create_task(visitor.visit(path))
            if visitor.now - written >= 1:
                written = visitor.now
                write(out, visitor)
            # By the clock and not by the pause: a late request does not lower the rate.
            await asyncio.sleep(max(0.0, (number + 1) / plan.rate - visitor.now))
    write(out, visitor)


def write(out: Path, visitor: Visitor) -> None:
    visitor.tally.seconds = visitor.now
    new = out.with_suffix(".new")
    new.write_text(json.dumps(asdict(visitor.tally), indent=1))
    new.replace(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", help="as JSON")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most")
    options = parser.parse_args()
    asyncio.run(run(Plan(**json.loads(options.plan)), options.seconds, options.out))


if __name__ == "__main__":
    main()
