"""The main job, shown: five releases of a real Rails application under a steady load. A rehearsal
with scenes of its own.

Prints a table as it goes, writes build/demo.json, and exits with 0 only if everything was as
expected: outcomes, causes, no failed request, nothing left behind.
"""

import argparse
import json
import os
import re
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples import repositories
from examples.up.ports import choose
from rehearsal.account import TARGET_GROUPS, left_behind, serving
from rehearsal.followed import follow
from rehearsal.leash import leash
from rehearsal.load import Plan
from rehearsal.prefect_local import BUILD, kept_secret
from rehearsal.runs import Runs
from rehearsal.traffic import load
from rehearsal.world import begin
from sandbox.client import Sandbox
from spotkiln.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
APP = "demo-web-app"
RATE = 54.0
HOME = BUILD / "demo"
PASSWORD = BUILD / "demo-password"
REPOSITORY = HOME / "demo-web-app"
# Of every gate that passes: two health checks of the target group, all healthy.
VISIBLE_SECONDS = 2 * 5


@dataclass(frozen=True)
class Expected:
    """`cause` is a pattern that the cause must hold."""

    ref: str
    outcome: str
    cause: str
    text: str


PLAN = [
    Expected("v1", "released", "", "released on an empty target group"),
    Expected("v2", "released", "", "released; v1's fleet drained, retired, verified gone"),
    Expected("v2", "unchanged", "", "unchanged, nothing built"),
    Expected("red", "failed", r"tests failed: \S+", "specs fail: the image is discarded"),
    Expected("sick", "rolled back", r"\b500\b", "/up answers 500, but only in production"),
]


def log(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what the demo is for


def parameters(ref: str, healthy_after: float) -> dict[str, Any]:
    """`healthy_after`: how many seconds the servers of the one before it took."""
    # It is known to be sick, and how soon it would answer if it were not.
    gate = {"grace_seconds": round(1.25 * healthy_after) + 2} if ref == "sick" else {}
    return {
        "app": {"name": APP, "repository": str(REPOSITORY), "ref": ref},
        "gate": gate,
    }


def release(runs: Runs, expected: Expected, healthy_after: float) -> tuple[dict[str, Any], float]:
    """One release through the deployment, followed to its end; its row for the report, and the
    seconds that its servers took to be healthy."""
    row, stages = follow(runs, "release", APP, parameters(expected.ref, healthy_after), log)
    kept = ("outcome", "cause", "seconds", "image", "fleet")
    healthy_after = max(stages.seconds("health gate") - VISIBLE_SECONDS, 0)
    return {"ref": expected.ref, **{key: row[key] for key in kept}}, healthy_after


def judge(report: dict[str, Any], commits: dict[str, str], sick: str) -> list[str]:
    """Everything that was not as expected, in words."""
    problems = []
    for expected, row in zip(PLAN, report["releases"], strict=False):
        if row["outcome"] != expected.outcome:
            problems.append(
                f"{expected.ref}: expected {expected.outcome}, got {row['outcome']}: {row['cause']}"
            )
        if not re.search(expected.cause, row["cause"]):
            problems.append(f"{expected.ref}: the cause does not say why: {row['cause']!r}")
    if len(report["releases"]) != len(PLAN):
        problems.append(f"{len(report['releases'])} of {len(PLAN)} releases were made")
    tally = report["load"]
    if tally["failed"] or not tally["sent"]:
        problems.append(f"{tally['failed']} of {tally['sent']} requests failed")
    if sick[:12] in tally["revisions_seen"]:
        problems.append("a sick instance answered a request")
    if any(report["left_behind"].values()):
        problems.append(f"left behind: {report['left_behind']}")
    if report["serving"] != {"ref": "v2", "healthy": 2}:
        problems.append(f"expected v2 with 2 healthy targets, got {report['serving']}")
    if commits["v2"][:12] not in tally["revisions_seen"]:
        problems.append("v2 was never seen by the load")
    return problems


def show(expected: Expected, row: dict[str, Any]) -> None:
    cause = " ".join(row["cause"].split())
    if len(cause) > 160:
        cause = cause[:157] + "..."
    log(f"  {row['ref']:<6}{row['outcome']:<13}{row['seconds']:6.1f} s  {expected.text}")
    if cause:
        log(f"        because: {cause}")


def perform(runs: Runs, box: Sandbox, commits: dict[str, str]) -> dict[str, Any]:
    """All releases; what they came to."""
    rows: list[dict[str, Any]] = []
    healthy_after = 0.0
    tally = BUILD / "load.json"
    tally.unlink(missing_ok=True)
    address = box.load_balancer("website")
    plan = Plan(address, {"/": 200}, rate=RATE, with_assets=False, revision=True)
    log(f"\n  {'ref':<6}{'outcome':<13}{'time':>8}")
    with ExitStack() as under_load:
        for expected in PLAN:
            log(f"  {expected.ref}: {expected.text}")
            row, took = release(runs, expected, healthy_after)
            rows.append(row)
            healthy_after = took or healthy_after
            show(expected, rows[-1])
            if len(rows) == 1:
                log(f"        from now on {RATE:.0f} requests a second to {address}")
                under_load.enter_context(load(plan, tally))
        time.sleep(1)
    seen = json.loads(tally.read_text())
    return {
        "releases": rows,
        "load": seen,
        "left_behind": left_behind(box),
        "serving": serving(box, commits),
    }


def make_repositories(_: Sandbox) -> None:
    """One of its own: those that prefect.yaml names may have somebody's changes."""
    repositories.make_demo(REPOSITORY)
    repositories.ensure()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", choices=["docker", "simulated"], default="docker")
    parser.add_argument("--port", type=int, default=4200, help="of the Prefect server, if free")
    parser.add_argument("--leave", action="store_true", help="end at once, also at a terminal")
    options = parser.parse_args()
    start = time.monotonic()
    port, told = (
        choose(None, options.port, "the Prefect UI", "UI_PORT") if options.port else (0, "")
    )
    if told:
        log(told)
    with leash(HOME, keep_files=True), ExitStack() as stack:
        prefect, box = begin(
            stack,
            home=HOME,
            sandbox=HOME / "sandbox",
            machines=options.machines,
            password=kept_secret(PASSWORD, "spotkiln:"),
            port=port,
            say=log,
            target_groups=TARGET_GROUPS,
            meanwhile=make_repositories,
        )
        commits = repositories.commits(REPOSITORY, {one.ref for one in PLAN})
        prefect.deploy()
        log(f"ready after {time.monotonic() - start:.0f} s; Prefect UI: {prefect.address}")
        log(f"  (it asks for a password: the whole line in {Path(os.path.relpath(PASSWORD))})")
        report = perform(Runs(prefect.address, prefect.password), box, commits)
        (BUILD / "demo.json").write_text(json.dumps(report, indent=2) + "\n")
        problems = judge(report, commits, commits["sick"])
        tally = report["load"]
        log(
            f"\n  load: {tally['sent']} requests in {tally['seconds']:.0f} s, "
            f"{tally['failed']} failed; left behind: {sum(report['left_behind'].values())}; "
            f"serving: {report['serving']['ref']}, {report['serving']['healthy']} healthy; "
            f"{time.monotonic() - start:.0f} s in all"
        )
        for problem in problems:
            log(f"  NOT AS EXPECTED: {problem}")
        for failure in tally["failures"][:10]:
            log(f"    {failure['at']} s: {failure['problem']}")
        if options.machines == "simulated":
            log(
                "  not real here: the machines (simulated, nothing was booted) and Packer (a "
                "stand-in that makes the same EC2 calls); real: the flow, Prefect, the load"
            )
        log(
            "  as expected" if not problems else "  FAILED",
        )
        if sys.stdin.isatty() and not options.leave:
            log(
                f"\n  Prefect UI   {prefect.address}/runs\n  application  "
                f"{box.load_balancer('website')}\n  Ctrl-C ends it all and cleans up"
            )
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
        log("cleaning up ...")
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        # One runs already.
        log(f"{error}")
        sys.exit(2)
