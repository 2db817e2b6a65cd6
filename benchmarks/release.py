"""What a release costs beyond what the cloud itself needs, beside the original's loop.

Three contestants at the same time, each with a simulated sandbox of its own whose machines take
minutes, as EC2's do: the cloud alone (a client that asks ten times a second and wastes nothing),
this project's flow as a process of its own, and the loop that it replaces, which looks every ten
seconds (its gate passes before the new targets are registered and it does not drain; it is given
both here, or it would be faster and an outage). All three have the same gate: the whole capacity
healthy for two of the target group's health checks. Prints ratios of this one run; exits with 1 if
ours is more than 5 % over the cloud alone, makes more than 100 AWS calls of its own, or needs more
than 150 MB.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rehearsal.account import client
from rehearsal.prefect_local import LocalPrefect
from sandbox.client import Sandbox

ROOT = Path(__file__).resolve().parent.parent
QUICK = {"boot_seconds": 1, "serve_seconds": 1, "stop_seconds": 1, "image_seconds": 1}
# What the builder itself works, whoever drives it.
WORK = {"bake_seconds": 5, "test_seconds": 5}
CLOUD = {**WORK, "boot_seconds": 35, "serve_seconds": 25, "stop_seconds": 15, "image_seconds": 45}
INTERVAL = 10
GROUP = {
    "name": "website",
    "interval": INTERVAL,
    "timeout": 5,
    "healthy": 2,
    "unhealthy": 6,
    "deregistration_delay": 60,
}
# The policy's own time, whoever waits for it; ours has it by default.
GATE_SECONDS = 2 * INTERVAL
MOST_OVER, MOST_CALLS, MOST_MEGABYTES = 1.05, 100, 150
DEADLINE_SECONDS = 1800


def wait_until(ready: Callable[[], bool], pause: float) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark's cloud did not answer in half an hour")
        time.sleep(pause)


class Cloud:
    """One sandbox and the calls that a release cannot do without."""

    def __init__(self, home: Path) -> None:
        self.box = Sandbox.start(home, machines="simulated", account={"target_groups": [GROUP]})
        self.ec2, self.elbv2 = client(self.box, "ec2"), client(self.box, "elbv2")
        groups = self.elbv2.describe_target_groups(Names=["website"])["TargetGroups"]
        self.group = groups[0]["TargetGroupArn"]
        subnets = self.ec2.describe_subnets()["Subnets"]
        self.subnets = ",".join(one["SubnetId"] for one in subnets)
        self.box.script(**QUICK)
        self.base = self._base()

    def _base(self) -> str:
        debian = self.ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-13-*"]}])
        machine = self.launch(debian["Images"][0]["ImageId"])
        return self.image(machine, "rails-base for the benchmark", 0.1)

    def launch(self, image: str) -> str:
        made = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]
        return str(made["InstanceId"])

    def state(self, machine: str) -> str:
        found = self.ec2.describe_instances(InstanceIds=[machine])["Reservations"]
        return str(found[0]["Instances"][0]["State"]["Name"])

    def image(self, machine: str, name: str, pause: float) -> str:
        """Wait for the machine, stop it, take its image, remove it: what any bake must."""
        self.work(machine, "bake_seconds", pause)
        self.ec2.stop_instances(InstanceIds=[machine])
        wait_until(lambda: self.state(machine) == "stopped", pause)
        made = self.ec2.create_image(InstanceId=machine, Name=name)["ImageId"]

        def available() -> bool:
            found = self.ec2.describe_images(ImageIds=[made])["Images"]
            return bool(found) and found[0]["State"] == "available"

        wait_until(available, pause)
        self.remove([machine], pause)
        return str(made)

    def work(self, machine: str, what: str, pause: float) -> None:
        """The machine's own part, from when it runs."""
        wait_until(lambda: self.state(machine) == "running", pause)
        time.sleep(WORK[what])

    def remove(self, machines: list[str], pause: float) -> None:
        self.ec2.terminate_instances(InstanceIds=machines)
        wait_until(lambda: all(self.state(one) == "terminated" for one in machines), pause)

    def bake_and_test(self, pause: float) -> str:
        image = self.image(self.launch(self.base), f"candidate {time.time()}", pause)
        machine = self.launch(image)
        self.work(machine, "test_seconds", pause)
        self.remove([machine], pause)
        return image

    def fleet(self, image: str) -> str:
        groups = {"TargetGroups": [{"Arn": self.group}]}
        made = self.ec2.request_spot_fleet(
            SpotFleetRequestConfig={
                "IamFleetRole": "arn:aws:iam::123456789012:role/aws-ec2-spot-fleet-tagging-role",
                "TargetCapacity": 2,
                "AllocationStrategy": "lowestPrice",
                "LaunchSpecifications": [
                    {"ImageId": image, "InstanceType": "t3.micro", "SubnetId": self.subnets}
                ],
                "LoadBalancersConfig": {"TargetGroupsConfig": groups},
            }
        )
        return str(made["SpotFleetRequestId"])

    def members(self, fleet: str) -> list[str]:
        answer = self.ec2.describe_spot_fleet_instances(SpotFleetRequestId=fleet)
        return [one["InstanceId"] for one in answer["ActiveInstances"]]

    def health(self) -> dict[str, str]:
        found = self.elbv2.describe_target_health(TargetGroupArn=self.group)
        return {
            one["Target"]["Id"]: one["TargetHealth"]["State"]
            for one in found["TargetHealthDescriptions"]
        }

    def serves(self, fleet: str) -> bool:
        health, members = self.health(), self.members(fleet)
        return len(members) == 2 and all(health.get(one) == "healthy" for one in members)

    def prove(self, fleet: str, pause: float) -> None:
        """Until it has served without a break for as long as the gate asks for."""
        since = time.monotonic()

        def proved() -> bool:
            nonlocal since
            if not self.serves(fleet):
                since = time.monotonic()
            return time.monotonic() - since >= GATE_SECONDS

        wait_until(proved, pause)

    def loop(self, old: str, pause: float) -> None:
        """Every step as soon as a look, one in `pause` seconds, shows that it is possible."""
        new = self.fleet(self.bake_and_test(pause))
        self.prove(new, pause)
        members = self.members(old)
        self.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[old], TerminateInstances=False)
        self.elbv2.deregister_targets(
            TargetGroupArn=self.group, Targets=[{"Id": one} for one in members]
        )
        wait_until(lambda: not set(members) & set(self.health()), pause)
        self.remove(members, pause)


def flow(cloud: Cloud, prefect: LocalPrefect, repository: Path, ref: str) -> dict[str, float]:
    """Our release as a process of its own, imports and all; seconds and megabytes."""
    parameters = {
        "app": {"name": "demo-web-app", "repository": str(repository), "ref": ref},
        "infra": {"key_pair": ""},
    }
    environment = {**prefect.environment, **cloud.box.environment}
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.release", "--flow", json.dumps(parameters)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError(f"the release failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return {"seconds": seconds, "megabytes": json.loads(done.stdout.splitlines()[-1])}


def be_the_flow(parameters: dict[str, Any]) -> None:
    from spotkiln.flows.release import release

    release(**parameters)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{peak:.1f}\n")


def timed(results: dict[str, float], name: str, step: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        start = time.monotonic()
        step()
        results[name] = time.monotonic() - start

    thread = threading.Thread(target=run, name=name)
    thread.start()
    return thread


def measure(home: Path) -> int:
    say = sys.stderr.write
    say("starting three clouds and a Prefect server\n")
    prefect = LocalPrefect(home / "prefect", {"SPOTKILN_HOME": str(home / "spotkiln")}, 0)
    repository = home / "repository"
    subprocess.run(["bash", "examples/make_refs.sh", str(repository)], cwd=ROOT, check=True)
    clouds: dict[str, Cloud] = {}
    with prefect:
        prefect.start_server()
        try:
            for name in ("alone", "ours", "original"):
                clouds[name] = Cloud(home / name)
            prefect.wait_for_server()
            flow(clouds["ours"], prefect, repository, "v1")
            old = {name: clouds[name].fleet(clouds[name].base) for name in ("alone", "original")}
            for name, fleet in old.items():
                wait_until(lambda name=name, fleet=fleet: clouds[name].serves(fleet), 0.2)  # type: ignore[misc]
            for cloud in clouds.values():
                cloud.box.clear_calls()
                cloud.box.script(**CLOUD)
            return contest(clouds, old, prefect, repository)
        finally:
            for cloud in clouds.values():
                cloud.box.stop()


def contest(
    clouds: dict[str, Cloud], old: dict[str, str], prefect: LocalPrefect, repository: Path
) -> int:
    sys.stderr.write("all three release now; the cloud needs about five minutes\n")
    results: dict[str, float] = {}
    ours: dict[str, float] = {}
    runs = [
        timed(results, "alone", lambda: clouds["alone"].loop(old["alone"], 0.1)),
        timed(results, "original", lambda: clouds["original"].loop(old["original"], 10)),
        timed(
            results, "ours", lambda: ours.update(flow(clouds["ours"], prefect, repository, "v2"))
        ),
    ]
    for run in runs:
        run.join()
    if len(results) != len(runs):
        raise RuntimeError(f"only these came to an end: {', '.join(results)}")
    own = [x for x in clouds["ours"].box.calls() if "spotkiln/" in x["agent"]]
    ratios = {name: seconds / results["alone"] for name, seconds in results.items()}
    out = sys.stdout.write
    out(f"{'':<34}{'seconds':>9}{'of the cloud alone':>22}\n")
    out(f"{'the cloud alone':<34}{results['alone']:9.1f}{1:22.3f}\n")
    out(f"{'this flow':<34}{results['ours']:9.1f}{ratios['ours']:22.3f}\n")
    out(f"{'the original loop, 10 s a look':<34}{results['original']:9.1f}")
    out(f"{ratios['original']:22.3f}\n")
    counts = Counter(call["operation"] for call in own).most_common(8)
    out(f"most called: {', '.join(f'{name} {number}' for name, number in counts)}\n")
    out(f"AWS calls of its own: {len(own)}; peak memory of the flow: {ours['megabytes']:.0f} MB\n")
    limits = (
        (ratios["ours"], MOST_OVER, "of the cloud's time"),
        (len(own), MOST_CALLS, "AWS calls"),
        (ours["megabytes"], MOST_MEGABYTES, "megabytes"),
    )
    broken = [
        f"{seen:.3g} {what}, {most} are allowed" for seen, most, what in limits if seen > most
    ]
    for one in broken:
        out(f"OVER THE BUDGET: {one}\n")
    return 1 if broken else 0


def main() -> int:
    if sys.argv[1:2] == ["--flow"]:
        be_the_flow(json.loads(sys.argv[2]))
        return 0
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    with tempfile.TemporaryDirectory(prefix="spotkiln-bench-") as home:
        return measure(Path(home))


if __name__ == "__main__":
    sys.exit(main())
