"""Many releases in a row, each with a random fault: `python -m benchmarks.soak --releases 100`.

Nothing is reconciled in between but by the releases themselves, as they begin. Prints what has
grown, and exits with 0 only if nothing is left that nobody owns and no request failed.
"""

import argparse
import json
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
from tests.reliability.load import Load
from tests.reliability.matrix import Call, Case, Fault, Matrix, Outcome, Scenario, record
from tests.reliability.world import World

# One in so many bakes an image; the others take the one of v1 again.
BAKES_EVERY = 8
AGAIN = Scenario("reuse", "v1", "released")
ANEW = Scenario("bake", "v2", "released")


def memory_mib(pid: int) -> float:
    status = (Path("/proc") / str(pid) / "status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def measure(world: World) -> dict[str, Any]:
    """Whatever could grow."""
    inventory = {kind: found["count"] for kind, found in world.box.inventory().items()}
    runs = world.home / "spotkiln" / "runs"
    artifacts = world.api.post("/artifacts/latest/count", json={}).json()
    group = world.account.group_arn("website")
    tags = world.account.elbv2.describe_tags(ResourceArns=[group])["TagDescriptions"][0]["Tags"]
    return {
        **inventory,
        "tags of the target group": len(tags),
        "folders of runs": len(list(runs.iterdir())),
        "Prefect artifacts": artifacts,
        "Prefect server MiB": round(memory_mib(world.prefect.server.pid)),
    }


def one(matrix: Matrix, calls: dict[str, list[Call]], dice: random.Random, number: int) -> str:
    """A release with a fault at a random call, or with none; how it ended."""
    scenario = ANEW if number % BAKES_EVERY == 0 else AGAIN
    call, fault = dice.choice(calls[scenario.name]), dice.choice([None, *Fault])
    if fault is None:
        result = matrix.world.release(scenario.ref, f"s{number}" if scenario is ANEW else "")
        return str(result.get("outcome") or result.get("error"))
    outcome = Outcome("")
    matrix.provoke(Case(call, fault), scenario, outcome, f"s{number}" if scenario is ANEW else "")
    matrix.world.box.clear_faults()
    # After a fault the calls are not those of the record: the one may not be made at all.
    return outcome.ended or "the call was not made"


def soak(world: World, load: Load, releases: int, seed: int) -> tuple[dict[str, Any], list[str]]:
    matrix, dice = Matrix(world, load), random.Random(seed)
    matrix.prepare()
    calls = {x.name: record(world, x, "r" if x is ANEW else "") for x in (AGAIN, ANEW)}
    before, begin = measure(world), time.monotonic()
    ends: Counter[str] = Counter()
    for number in range(1, releases + 1):
        end = one(matrix, calls, dice, number).split(":")[0]
        ends[end] += 1
        say(f"{number:4d}/{releases} {time.monotonic() - begin:6.0f} s  {end}")
    seconds = time.monotonic() - begin
    world.reconcile()
    problems = world.settled().problems()
    last = world.release("v1")
    if last.get("outcome") != "released":
        problems.append(f"the last release: {last}")
    problems += [*world.settled().problems(), *load.take_failures()]
    after = measure(world)
    report = {
        "releases": releases,
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
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="spotkiln-soak-"))
    try:
        with World(home) as world, Load(world.box.load_balancer("website")) as load:
            report, problems = soak(world, load, options.releases, options.seed)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    say(json.dumps(report, indent=2))
    for problem in problems:
        say(f"NOT AS EXPECTED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
