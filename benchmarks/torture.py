"""The whole fault matrix: `python -m benchmarks.torture`. Takes about an hour on two cores.

Prints a line a case, keeps every outcome in build/torture/outcomes.json (--resume goes on from
there), writes docs/fault-matrix.md, and exits with 0 only if no case failed.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from examples.prefect_local import LocalPrefect
from tests.reliability.load import Load
from tests.reliability.matrix import Case, Fault, Matrix, Outcome
from tests.reliability.table import write_table
from tests.reliability.world import World

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "torture"
OUTCOMES = "outcomes.json"
PAGE = ROOT / "docs" / "fault-matrix.md"


class Torture:
    def __init__(self, stack: ExitStack, home: Path) -> None:
        self._stack = stack
        self._home = home
        self.prefect = stack.enter_context(LocalPrefect(home / "prefect", {}, 0))
        self.prefect.start_server()
        self._worlds = 0
        self.sent = 0

    def world(self) -> tuple[ExitStack, Matrix]:
        """A fresh account; the Prefect server stays."""
        self._worlds += 1
        inner = self._stack.enter_context(ExitStack())
        world = inner.enter_context(
            World(self._home / f"world-{self._worlds}", prefect=self.prefect)
        )
        load = inner.enter_context(Load(world.box.load_balancer("website")))
        return inner, Matrix(world, load)

    def run(self, wanted: list[str], done: dict[str, Outcome], minutes: float) -> list[Case]:
        """Play what is not done yet, until the time is over; all cases."""
        begin = time.monotonic()
        inner, matrix = self.world()
        every = matrix.record_all()
        # The worst first; within it, whatever the time allows is a sample of all.
        todo = random.Random(0).sample(every, len(every))
        todo.sort(key=lambda case: list(Fault).index(case.fault))
        todo = [x for x in todo if str(x) not in done and (not wanted or x.fault in wanted)]
        say(f"{len(every)} cases, recorded in {time.monotonic() - begin:.0f} s")
        for number, case in enumerate(todo, start=1):
            if time.monotonic() - begin > minutes * 60:
                say(f"time is over: {len(todo) - number + 1} cases were not played")
                break
            outcome = matrix.play(case)
            done[outcome.case] = outcome
            say(f"{number:4d}/{len(todo)} {outcome.seconds:5.1f} s  {case}: {outcome.word}")
            for problem in outcome.problems:
                say(f"             {problem}")
            save(self._home, done)
            if not outcome.passed:
                self.sent += matrix.load.sent
                inner.close()
                inner, matrix = self.world()
                matrix.record_all()
        self.sent += matrix.load.sent
        inner.close()
        return every


def say(text: str) -> None:
    print(text, flush=True)


def save(home: Path, done: dict[str, Outcome]) -> None:
    rows = [one.as_json() for one in done.values()]
    (home / OUTCOMES).write_text(json.dumps(rows, indent=1))


def load_done(home: Path) -> dict[str, Outcome]:
    file = home / OUTCOMES
    rows = json.loads(file.read_text()) if file.is_file() else []
    return {row["case"]: Outcome(**row) for row in rows}


def ended(number: int, _: object) -> None:
    """As for Ctrl-C: what was started is stopped on the way out."""
    raise SystemExit(128 + number)


def main() -> int:
    signal.signal(signal.SIGTERM, ended)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", nargs="*", default=[], help=f"of: {', '.join(Fault)}")
    parser.add_argument("--minutes", type=float, default=120, help="stop after so long")
    parser.add_argument("--resume", action="store_true", help="keep what passed the last time")
    parser.add_argument("--home", type=Path, default=HOME, help="where outcomes are kept")
    options = parser.parse_args()
    home: Path = options.home.resolve()
    done = {name: x for name, x in load_done(home).items() if x.passed} if options.resume else {}
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    save(home, done)
    begin = time.monotonic()
    with ExitStack() as stack:
        torture = Torture(stack, home)
        every = torture.run(options.faults, done, options.minutes)
        sent = torture.sent
    write_table(PAGE, every, done)
    failed = [one for one in done.values() if not one.passed]
    missing = [one for one in every if str(one) not in done]
    say(
        f"{len(done)} of {len(every)} cases, {len(failed)} failed, {len(missing)} not played; "
        f"{sent} requests under load; {time.monotonic() - begin:.0f} s; table in {PAGE}"
    )
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
