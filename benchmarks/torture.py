"""The whole fault matrix: `python -m benchmarks.torture`. Takes half an hour on two quiet cores.

Prints a line a case, keeps every outcome in build/torture/outcomes.json, writes and prints
docs/fault-matrix.md, and exits with 0 only if every case was played and none failed. `--resume`
keeps what passed the last time, if the code of product, sandbox and harness is still the same.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rehearsal.prefect_local import LocalPrefect
from spotkiln.bake.recipe import digest_of_files
from tests.reliability.cases import Call, Case, Outcome, Recorded, recorded_of
from tests.reliability.load import Load
from tests.reliability.matrix import Matrix
from tests.reliability.scenarios import INSIDE, SCENARIOS, Fault, Scenario
from tests.reliability.table import page
from tests.reliability.world import World
from tests.traffic.pair import PairWorld

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "torture"
OUTCOMES = "outcomes.json"
ACCOUNT = {
    "target_groups": [
        {"name": "website", "stack": {"AlsoBehind": INSIDE}},
        {"name": INSIDE, "port": 3001, "by_hand": True},
    ]
}
PAGE = ROOT / "docs" / "fault-matrix.md"
HARNESS = ("cases", "flow_process", "matrix", "scenarios", "truth", "world", "zygote")
# What decides an outcome.
CODE = [
    *(f"{folder}/**/*.py" for folder in ("spotkiln", "tasks", "flows", "sandbox")),
    *(f"tests/reliability/{name}.py" for name in HARNESS),
    "tests/look_alikes.py",
    "tests/traffic/pair.py",
    "packer/**/*.hcl",
    "examples/make_refs.sh",
]
RECORD_SECONDS = 900.0


class Torture:
    """One queue of cases, and worlds side by side that play them with one Prefect server."""

    def __init__(
        self, home: Path, prefect: LocalPrefect, done: dict[str, Outcome], kind: type[World]
    ) -> None:
        self.home = home
        self.kind = kind
        self.prefect = prefect
        self.done = done
        self.code = digest_of_files(ROOT, CODE)
        self.recorded: Recorded | None = None
        self.sent = 0
        self._wanted: list[Scenario] = []
        self._scenarios: list[Scenario] = []
        self._records: dict[str, list[Call]] = {}
        self._todo: list[Case] = []
        self._played = 0
        self._worlds = 0
        self._lock = threading.Lock()
        self._known = threading.Event()
        self._end = 0.0
        self._begin = 0.0

    def run(
        self, faults: list[str], scenarios: list[str], minutes: float, side_by_side: int
    ) -> None:
        """Play what is not done yet, until the time is over."""
        begin = time.monotonic()
        self._end = begin + minutes * 60
        # The first is what the others are compared with.
        wanted = [x for x in SCENARIOS if not scenarios or x.name in scenarios or x is SCENARIOS[0]]
        wanted = [x for x in wanted if x.steps is (self.kind is PairWorld)]
        self._wanted, self._scenarios = wanted, list(wanted)
        with ThreadPoolExecutor(side_by_side) as pool:
            players = [pool.submit(self._play) for _ in range(side_by_side)]
            try:
                self._wait_for_record(faults, scenarios, begin, players)
                for player in players:
                    player.result()
            finally:
                self._end = 0.0
                self._known.set()

    def _wait_for_record(
        self,
        faults: list[str],
        scenarios: list[str],
        begin: float,
        players: "list[Future[None]]",
    ) -> None:
        deadline = begin + RECORD_SECONDS
        while len(self._records) < len(self._wanted):
            for player in players:
                if player.done():
                    player.result()
            if time.monotonic() > deadline:
                raise TimeoutError(f"the calls were not recorded in {RECORD_SECONDS:.0f} s")
            time.sleep(0.2)
        self.recorded = recorded_of([self._records[one.name] for one in self._wanted])
        # The worst first; within it, whatever the time allows is a sample of all.
        every = self.recorded.cases
        todo = random.Random(0).sample(every, len(every))
        todo.sort(key=lambda case: list(Fault).index(case.fault))
        todo = [x for x in todo if str(x) not in self.done and (not faults or x.fault in faults)]
        todo = [x for x in todo if not scenarios or x.call.scenario in scenarios]
        say(
            f"{len(every)} cases, recorded in {time.monotonic() - begin:.0f} s; {len(todo)} to play"
        )
        self._todo, self._begin = todo, time.monotonic()
        self._known.set()

    @contextmanager
    def _world(self) -> Iterator[Matrix]:
        """A fresh account; the Prefect server stays."""
        with self._lock:
            self._worlds += 1
            home = self.home / f"{self.kind.__name__.lower()}-{self._worlds}"
        with (
            self.kind(home, prefect=self.prefect, others=True, account=ACCOUNT) as world,
            Load(world.box.load_balancer("website")) as load,
        ):
            matrix = Matrix(world, load)
            matrix.prepare()
            yield matrix
        with self._lock:
            self.sent += load.sent

    def _play(self) -> None:
        """A fresh world, and another after a case that failed, until there is nothing to play."""
        while True:
            with self._world() as matrix:
                while scenario := self._next_scenario():
                    self._records[scenario.name] = matrix.record_over_v1(scenario)
                self._known.wait()
                if self._play_in(matrix):
                    return

    def _play_in(self, matrix: Matrix) -> bool:
        """Whether nothing is left to play."""
        while self.recorded and (case := self._next()):
            outcome = matrix.play(case, self.recorded)
            self._note(case, outcome)
            if not outcome.passed:
                return False
        return True

    def _next_scenario(self) -> Scenario | None:
        with self._lock:
            return self._scenarios.pop(0) if self._scenarios else None

    def _next(self) -> Case | None:
        with self._lock:
            over = time.monotonic() > self._end
            return None if over or not self._todo else self._todo.pop(0)

    def _note(self, case: Case, outcome: Outcome) -> None:
        with self._lock:
            self._played += 1
            self.done[outcome.case] = outcome
            save(self.home, self.code, self.done)
            left = len(self._todo)
            minutes = left * (time.monotonic() - self._begin) / self._played / 60
        say(
            f"{self._played:4d}, {left} to go in about {minutes:.0f} min  "
            f"{outcome.seconds:5.1f} s  {case}: {outcome.word}"
        )
        for problem in outcome.problems:
            say(f"             {problem}")


def say(text: str) -> None:
    print(text, flush=True)


def save(home: Path, code: str, done: Mapping[str, Outcome]) -> None:
    rows = [one.as_json() for one in done.values()]
    new = home / f"{OUTCOMES}.new"
    new.write_text(json.dumps({"code": code, "outcomes": rows}, indent=1))
    new.replace(home / OUTCOMES)


def load_done(home: Path) -> dict[str, Outcome]:
    """What passed with the code as it is now."""
    file = home / OUTCOMES
    if not file.is_file():
        return {}
    kept = json.loads(file.read_text())
    if kept["code"] != digest_of_files(ROOT, CODE):
        say("the code has changed since: everything is played anew")
        return {}
    outcomes = [Outcome(**row) for row in kept["outcomes"]]
    return {one.case: one for one in outcomes if one.passed}


def ended(number: int, _: object) -> None:
    """As for Ctrl-C: what was started is stopped on the way out."""
    raise SystemExit(128 + number)


def main() -> int:
    signal.signal(signal.SIGTERM, ended)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", nargs="*", default=[], help=f"of: {', '.join(Fault)}")
    parser.add_argument("--scenarios", nargs="*", default=[], help="only these, by name")
    parser.add_argument("--minutes", type=float, default=180, help="stop after so long")
    parser.add_argument("--resume", action="store_true", help="keep what passed the last time")
    parser.add_argument("--side-by-side", type=int, default=2, help="worlds at a time")
    parser.add_argument("--home", type=Path, default=HOME, help="where outcomes are kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the table is written")
    options = parser.parse_args()
    home: Path = options.home.resolve()
    done = load_done(home) if options.resume else {}
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    begin = time.monotonic()
    with LocalPrefect(home / "prefect", {}, 0) as prefect:
        prefect.start_server()
        prefect.wait_for_server()
        asked = options.scenarios
        stepped = {one.name for one in SCENARIOS if one.steps}
        kinds = [
            *([World] if not asked or set(asked) - stepped else []),
            *([PairWorld] if not asked or set(asked) & stepped else []),
        ]
        tortures = [Torture(home, prefect, done, kind) for kind in kinds]
        save(home, tortures[0].code, done)
        end = begin + options.minutes * 60
        try:
            for torture in tortures:
                minutes = (end - time.monotonic()) / 60
                torture.run(options.faults, asked, minutes, options.side_by_side)
        finally:
            # Of a run that was broken off too.
            recorded = [x for one in tortures if one.recorded for x in one.recorded.cases]
            every = [one for one in recorded if not asked or one.call.scenario in asked]
            before = options.page.read_text() if options.page.is_file() else ""
            table = page(every, done, datetime.now(UTC).date(), before)
            if every:
                options.page.write_text(table)
    say(f"\n{table}")
    missing = [one for one in every if str(one) not in done]
    failed = [one for one in every if one not in missing and not done[str(one)].passed]
    say(
        f"{len(every) - len(missing)} of {len(every)} cases played, {len(failed)} failed, "
        f"{len(missing)} not played; {sum(x.sent for x in tortures)} requests under load; "
        f"{time.monotonic() - begin:.0f} s; table in {options.page}"
    )
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
