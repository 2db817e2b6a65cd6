"""Many releases in a row, each with a random fault: `python -m benchmarks.soak --releases 100`.

Nothing is reconciled in between but by the releases themselves, as they begin. Prints what has
grown, and exits with 0 only if all of them were made in time, nothing is left that nobody owns,
nothing has grown beyond its limit, and no request failed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.torture import ended, say
from spotkiln.workdir import KEEP_SECONDS
from tests.reliability.cases import Call, Case, Outcome, ending
from tests.reliability.load import Load
from tests.reliability.matrix import CASE_SECONDS, Matrix
from tests.reliability.scenarios import Fault, Scenario, scenario_of
from tests.reliability.world import World

# One in so many bakes an image, or goes back; the others take the image of v1 again.
BAKES_EVERY, ROLLS_BACK_EVERY = 8, 5
AGAIN = Scenario("reuse", "v1", "released")
ANEW = Scenario("bake", "v2", "released")
BACK = scenario_of("rollback")

# How much each may have grown at the end. What is not named must be as it was.
PER_RELEASE = {
    # Page, history, progress of up to four steps, and evidence where the gate was not passed;
    # Prefect's own vacuum deletes them with their runs (docs/reliability.md).
    "Prefect artifacts": 7.0,
    # A run with its tasks and states, until the vacuum.
    "Prefect database MiB": 0.5,
}
IN_ALL = {"Prefect server MiB": 150.0, "sandbox MiB": 150.0}


def memory_mib(pid: int) -> float:
    status = (Path("/proc") / str(pid) / "status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def measure(world: World) -> dict[str, float]:
    """Whatever could grow."""
    inventory = {kind: found["count"] for kind, found in world.box.inventory().items()}
    home = world.home / "spotkiln"
    group = world.account.group_arn("website")
    tags = world.account.elbv2.describe_tags(ResourceArns=[group])["TagDescriptions"][0]["Tags"]
    database = world.prefect.home / "prefect.db"
    return {
        **inventory,
        "tags of the target group": len(tags),
        "files of runs": sum(one.is_file() for one in home.rglob("*")),
        "Prefect artifacts": world.api.post("/artifacts/count", json={}).json(),
        "Prefect database MiB": round(database.stat().st_size / 2**20, 1),
        "Prefect server MiB": round(memory_mib(world.prefect.server.pid)),
        "sandbox MiB": round(memory_mib(int(world.box.description["pid"]))),
    }


def grown(before: dict[str, float], after: dict[str, float], releases: int) -> list[str]:
    """What has grown more than it may, in words."""
    found = []
    for name, now in after.items():
        more = now - before.get(name, 0)
        allowed = IN_ALL.get(name, PER_RELEASE.get(name, 0.0) * releases)
        if more > allowed:
            found.append(f"{name}: {before.get(name, 0)} before, {now} after")
    return found


def a_day_later(world: World) -> None:
    """What killed runs left in their folders stays for a day; let it be over."""
    then = time.time() - KEEP_SECONDS - 1
    for folder in (world.home / "spotkiln" / "runs").iterdir():
        os.utime(folder, (then, then))


def scenario_at(number: int) -> Scenario:
    if number % BAKES_EVERY == 0:
        return ANEW
    return BACK if number % ROLLS_BACK_EVERY == 0 else AGAIN


def one(
    matrix: Matrix, calls: dict[str, list[Call]], dice: random.Random, number: int
) -> tuple[str, str]:
    """A release with a fault at a random call, or with none; what was tried, and how it ended."""
    scenario = scenario_at(number)
    variant = f"s{number}" if scenario is ANEW else ""
    call, fault = dice.choice(calls[scenario.name]), dice.choice([None, *Fault])
    world = matrix.world
    world.box.clear_calls()
    if fault is None:
        process = world.play(scenario.flow, scenario.ref, variant)
        return scenario.name, ending(process.result(CASE_SECONDS))
    case, outcome = Case(call, fault), Outcome("")
    matrix.provoke(case, scenario, outcome, variant)
    world.box.clear_faults()
    # What the one before left is dealt with first: then the calls are not those of the record.
    return f"{case}{'' if outcome.provoked else ' (was not made)'}", outcome.ended


def soak(
    world: World, load: Load, releases: int, seed: int, minutes: float
) -> tuple[dict[str, Any], list[str]]:
    matrix, dice = Matrix(world, load), random.Random(seed)
    matrix.prepare()
    calls = {x.name: matrix.record(x, "" if x is AGAIN else "r") for x in (AGAIN, ANEW, BACK)}
    world.release("v1")
    before, begin = measure(world), time.monotonic()
    ends: Counter[str] = Counter()
    problems = []
    for number in range(1, releases + 1):
        if time.monotonic() - begin > minutes * 60:
            problems.append(f"{minutes:.0f} minutes are over after {number - 1} releases")
            break
        tried, end = one(matrix, calls, dice, number)
        end = end.split(":")[0]
        ends[end] += 1
        say(f"{number:4d}/{releases} {time.monotonic() - begin:6.0f} s  {tried}: {end}")
    seconds = time.monotonic() - begin
    made = sum(ends.values())
    world.reconcile()
    problems += world.settled().problems()
    a_day_later(world)
    last = world.release("v1")
    if last.get("outcome") != "released":
        problems.append(f"the last release: {last}")
    problems += [*world.settled().problems(), *load.take_failures()]
    after = measure(world)
    problems += grown(before, after, made + 1)
    report = {
        "releases": made,
        "seed": seed,
        "seconds": round(seconds),
        "ends": dict(ends),
        "requests": load.sent,
        "before": before,
        "after": after,
    }
    return report, problems


def main() -> int:
    signal.signal(signal.SIGTERM, ended)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=40, help="give up after so long")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="spotkiln-soak-"))
    try:
        with (
            World(home, others=True) as world,
            Load(world.box.load_balancer("website")) as load,
        ):
            report, problems = soak(world, load, options.releases, options.seed, options.minutes)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    say(json.dumps(report, indent=2))
    for problem in problems:
        say(f"NOT AS EXPECTED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
