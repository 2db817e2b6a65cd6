"""What a release takes beside what the cloud itself needs: from a commit to serving, and from a bad
signal to the old version serving again.

Five contestants at the same time, each with a simulated sandbox of its own whose machines take as
long as the model says. The chain of the cloud's own calls, by a client that asks ten times a second
and wastes nothing; the same where nothing waits for what it does not need, which nobody can beat;
this project's flow as a process of its own, imports and all, as it is and in its former order; and
the loop that it replaces, which looks every ten seconds (its gate passes before the new targets are
registered; here it waits for them, or it would be faster and an outage). All have the same gate:
the whole capacity healthy for two of the target group's health checks.

Prints ratios of this one run; exits with 1 if a budget is broken.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.cloud import DEADLINE_SECONDS, MODELS, Cloud, wait_until
from rehearsal.account import client
from rehearsal.prefect_local import LocalPrefect

ROOT = Path(__file__).resolve().parent.parent
ALARM = "errors"
PAIR = {"key_pair": "", "second_target_group": "website-green"}
AT_ONCE: dict[str, Any] = {"steps": ["100 %"], "bake_seconds": 0}
# The second: what the flow takes in the same order as the chain, which is its own overhead. The
# calls are those that somebody waits for. Of the memory, Prefect and AWS's client take nine tenths.
MOST = {
    "of the chain": 0.75, "of the chain, tests first": 1.02, "seconds back": 5.0,
    "AWS calls until it serves": 80, "megabytes": 170,
}  # fmt: skip


def parameters(repository: Path, ref: str, **traffic: Any) -> dict[str, Any]:
    return {
        "app": {"name": "demo-web-app", "repository": str(repository), "ref": ref},
        "infra": PAIR,
        "traffic": {**AT_ONCE, **traffic},
    }


def start(cloud: Cloud, prefect: LocalPrefect, flow: str, given: dict[str, Any]) -> Any:
    """One of our flows as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.release", "--flow", flow, json.dumps(given)],
        cwd=ROOT,
        env={**prefect.environment, **cloud.box.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def moment(call: dict[str, Any]) -> float:
    """When it was made, in seconds of the epoch."""
    return datetime.fromisoformat(call["time"]).timestamp()


def looks(calls: list[dict[str, Any]]) -> int:
    """How many are made while it waits, the more of them the longer that takes: looks at servers
    and targets, and renewals of the lease."""
    known = {"DescribeInstances", "DescribeTargetHealth"}
    lease = {"DescribeTags", "AddTags"}
    return sum(one["operation"] in known | lease for one in calls)


def ended(process: Any) -> float:
    """The megabytes that it took."""
    told, _ = process.communicate(timeout=DEADLINE_SECONDS)
    if process.returncode:
        raise RuntimeError(f"the flow failed:\n{told[-4000:]}")
    return float(told.splitlines()[-1])


def be_the_flow(name: str, given: dict[str, Any]) -> None:
    from spotkiln.flows.release import release
    from spotkiln.flows.rollback import rollback

    flows: dict[str, Any] = {"release": release, "rollback": rollback}
    flows[name](**given)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{peak:.1f}\n")


class Contest:
    """`seconds`: from the start to serving; `whole`: to the end of the flow."""

    def __init__(self, clouds: dict[str, Cloud], prefect: LocalPrefect, repository: Path) -> None:
        self.clouds, self._prefect, self._repository = clouds, prefect, repository
        self.seconds: dict[str, float] = {}
        self.whole: dict[str, float] = {}
        self.back: dict[str, float] = {}
        self.megabytes = 0.0
        self.calls: list[dict[str, Any]] = []
        self.until_serving: list[dict[str, Any]] = []

    def chain(self, name: str, step: Callable[[], None]) -> None:
        begun = time.monotonic()
        step()
        self.seconds[name] = time.monotonic() - begun

    def flow(self, name: str, **traffic: Any) -> None:
        cloud, begun = self.clouds[name], time.time()
        given = parameters(self._repository, "v2", **traffic)
        megabytes = ended(start(cloud, self._prefect, "release", given))
        self.whole[name] = time.time() - begun
        self.seconds[name] = cloud.weights_set(begun)[0]
        if name == "ours":
            self.megabytes = megabytes
            self.calls = [one for one in cloud.box.calls() if "spotkiln/" in one["agent"]]
            until = begun + self.seconds[name]
            self.until_serving = [x for x in self.calls if moment(x) <= until]

    def compete(self) -> None:
        clouds = self.clouds
        _together(
            lambda: self.chain("chain", lambda: clouds["chain"].chain(0.1)),
            lambda: self.chain("limit", lambda: clouds["limit"].limit(0.1)),
            lambda: self.chain("original", lambda: clouds["original"].chain(10)),
            lambda: self.flow("ours"),
            lambda: self.flow("former", launch_after_tests=True),
        )

    def go_back(self) -> None:
        """By an alarm in the bake time, while the old servers are warm; by a rollback after it, at
        the cloud's pace. The original's way back is another release."""
        _together(self._alarm, self._rollback)
        self.back["original"] = self.seconds["original"]

    def _alarm(self) -> None:
        cloud = self.clouds["ours"]
        watch: Any = client(cloud.box, "cloudwatch")
        watch.put_metric_alarm(
            AlarmName=ALARM, Namespace="Shop", MetricName="Errors", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        watch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="the benchmark")
        cloud.quick()
        cloud.box.clear_calls()
        given = parameters(self._repository, "v1", bake_seconds=900, alarms=[ALARM])
        process = start(cloud, self._prefect, "release", given)
        wait_until(lambda: bool(cloud.weights_set(0)) or process.poll() is not None, 0.2)
        time.sleep(7.3)
        serving = len(cloud.weights_set(0))
        at = time.time()
        watch.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="the benchmark")
        wait_until(lambda: len(cloud.weights_set(0)) > serving or process.poll() is not None, 0.05)
        self.back["ours"] = cloud.weights_set(at)[-1]
        process.communicate(timeout=DEADLINE_SECONDS)

    def _rollback(self) -> None:
        cloud, begun = self.clouds["former"], time.time()
        cloud.begin()
        given = parameters(self._repository, "v1")
        ended(start(cloud, self._prefect, "rollback", given))
        self.back["former"] = cloud.weights_set(begun)[0]


def _together(*steps: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run(step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if errors:
        raise errors[0]


NAMES = {
    "chain": "the cloud alone, one after the other",
    "limit": "the cloud alone, its limit",
    "ours": "this flow",
    "former": "this flow, tests first",
    "original": "the original's loop",
}


def report(model: str, contest: Contest) -> list[str]:
    """Print it; the budgets that are broken."""
    out, seconds = sys.stdout.write, contest.seconds
    out(f"\n## {model}\n\n")
    head = ("", "commit to serving", "of the chain", "whole release", "signal to restored")
    out(f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n")
    for key, name in NAMES.items():
        whole = f"{contest.whole[key]:.0f} s" if key in contest.whole else ""
        back = f"{contest.back[key]:.1f} s" if key in contest.back else ""
        out(f"| {name} | {seconds[key]:.0f} s | {seconds[key] / seconds['chain']:.2f} ")
        out(f"| {whole} | {back} |\n")
    most = Counter(call["operation"] for call in contest.calls).most_common(12)
    out(f"\nmost called: {', '.join(f'{name} {number}' for name, number in most)}\n")
    for what, calls in (("until it serves", contest.until_serving), ("in all", contest.calls)):
        out(f"own AWS calls {what}: {len(calls)}, {looks(calls)} of them looks and the lease\n")
    seen = {
        "of the chain": seconds["ours"] / seconds["chain"],
        "of the chain, tests first": seconds["former"] / seconds["chain"],
        "seconds back": contest.back["ours"],
        "AWS calls until it serves": len(contest.until_serving),
        "megabytes": contest.megabytes,
    }
    out(f"{', '.join(f'{value:.3g} {name}' for name, value in seen.items())}\n")
    return [
        f"{model}: {seen[name]:.3g} {name}, {most} are allowed"
        for name, most in MOST.items()
        if seen[name] > most
    ]


@contextmanager
def started(home: Path, model: dict[str, float], prefect: LocalPrefect) -> Iterator[dict[str, Any]]:
    clouds: dict[str, Cloud] = {}
    try:
        for name in NAMES:
            clouds[name] = Cloud(home / name, model)
        prefect.wait_for_server()
        yield clouds
    finally:
        for cloud in clouds.values():
            cloud.box.stop()


def measure(home: Path, models: dict[str, dict[str, float]]) -> int:
    say = sys.stderr.write
    prefect = LocalPrefect(home / "prefect", {"SPOTKILN_HOME": str(home / "spotkiln")}, 0)
    repository = home / "repository"
    subprocess.run(["bash", "examples/make_refs.sh", str(repository)], cwd=ROOT, check=True)
    broken: list[str] = []
    with prefect:
        prefect.start_server()
        for model, figures in models.items():
            say(f"{model}: starting five clouds\n")
            with started(home / model.replace(" ", "-"), figures, prefect) as clouds:
                contest = Contest(clouds, prefect, repository)
                first = parameters(repository, "v1")
                runs = [start(clouds[x], prefect, "release", first) for x in ("ours", "former")]
                for run in runs:
                    ended(run)
                for cloud in clouds.values():
                    cloud.begin()
                say("all release now; the cloud needs about six minutes\n")
                contest.compete()
                contest.go_back()
                broken += report(model, contest)
    for one in broken:
        sys.stdout.write(f"OVER THE BUDGET: {one}\n")
    return 1 if broken else 0


def main() -> int:
    if sys.argv[1:2] == ["--flow"]:
        be_the_flow(sys.argv[2], json.loads(sys.argv[3]))
        return 0
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    models = {name: MODELS[name] for name in sys.argv[1:] or MODELS}
    with tempfile.TemporaryDirectory(prefix="spotkiln-bench-") as home:
        return measure(Path(home), models)


if __name__ == "__main__":
    sys.exit(main())
