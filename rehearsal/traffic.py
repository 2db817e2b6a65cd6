"""Traffic: the load beside the scenes, and what of it fell into which."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from rehearsal.links import assets, elsewhere
from rehearsal.load import Plan
from rehearsal.prefect_local import ROOT
from spotkiln.noun import Noun

# More often than the load writes.
WRITTEN_SECONDS = 1.5
WHY = 5


class Traffic(Noun):
    """The requests of a scene. `why` has the most frequent reasons first, with how often; `last` is
    when the last one failed, in seconds since the scene began."""

    sent: int = 0
    failed: int = 0
    why: tuple[str, ...] = ()
    last: float | None = None


def between(tally: dict[str, Any], begin: float, end: float) -> Traffic:
    """What of a tally was sent between two moments of the monotonic clock."""
    start = float(tally["start"])
    seconds = range(int(begin - start), int(end - start) + 1)
    counts = {one: tally["by_second"].get(str(one), (0, 0)) for one in seconds}
    told = [one for one in tally["failures"] if begin <= start + one["at"] <= end]
    reasons = Counter(f"{one['path']}: {one['problem']}" for one in told)
    moments, failed = [start + one["at"] for one in told], len(told)
    if len(tally["failures"]) < tally["failed"]:
        # Not all are in words: then by whole seconds.
        moments = [max(start + one, begin) for one, count in counts.items() if count[1]]
        failed = sum(count[1] for count in counts.values())
    return Traffic(
        sent=sum(count[0] for count in counts.values()),
        failed=failed,
        why=tuple(f"{reason} ({count})" for reason, count in reasons.most_common(WHY)),
        last=max((one - begin for one in moments), default=None),
    )


class Page(Noun):
    """How a path answered at rest: its status, or `error`. `to`: where it leads on this host;
    `away`: where it leads to elsewhere, such as to HTTPS."""

    path: str
    status: int = 0
    error: str = ""
    to: str = ""
    away: str = ""
    assets: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def look(address: str, paths: list[str]) -> list[Page]:
    """Each path once, and what they lead to on the same host."""
    found: dict[str, Page] = {}
    waiting = list(paths)
    with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
        while waiting:
            path = waiting.pop(0)
            if path in found:
                continue
            found[path] = _see(client, path)
            if found[path].to and len(found) < 2 * len(paths):
                waiting.append(found[path].to)
    return list(found.values())


def _see(client: httpx.Client, path: str) -> Page:
    try:
        answer = client.get(path)
    except httpx.HTTPError as error:
        return Page(path=path, error=f"{type(error).__name__}: {error}")
    location = answer.headers.get("location", "") if answer.is_redirect else ""
    host = client.base_url.netloc.decode()
    to = elsewhere(path, location, host) if location else ""
    html = "html" in answer.headers.get("content-type", "") and answer.is_success
    needed = assets(path, answer.text) if html else []
    return Page(
        path=path,
        status=answer.status_code,
        to=to,
        away=location if location and not to else "",
        assets=tuple(needed),
        absent=tuple(one for one in needed if not _is_there(client, one)),
    )


def _is_there(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code < 400
    except httpx.HTTPError:
        return False


class Load:
    """A load that runs. `tally` is at most a second old."""

    def __init__(self, out: Path) -> None:
        self._out = out

    @property
    def tally(self) -> dict[str, Any]:
        return dict(json.loads(self._out.read_text()))

    def of(self, begin: float) -> Traffic:
        """What was sent since; waits until that is written."""
        end = time.monotonic()
        time.sleep(WRITTEN_SECONDS)
        return between(self.tally, begin, end)


@contextmanager
def load(plan: Plan, out: Path) -> Iterator[Load]:
    """For as long as the block runs; begins with the block."""
    out.unlink(missing_ok=True)
    child = subprocess.Popen(
        [sys.executable, "-m", "rehearsal.load", json.dumps(asdict(plan)), str(out)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        # Ctrl-C reaches it through us.
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not out.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the load on {plan.address} did not begin")
            time.sleep(0.1)
        yield Load(out)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)
