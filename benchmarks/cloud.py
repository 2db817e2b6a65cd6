"""The clouds of the benchmark: how long things take there, and the calls that a release cannot do
without."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from rehearsal.account import client
from sandbox.client import Sandbox

QUICK = {"boot_seconds": 1, "serve_seconds": 1, "stop_seconds": 1, "image_seconds": 1}
# What the application itself works on a builder, whoever drives it: assumed, in both models.
BAKES, TESTS = 20, 60
# In seconds: from the launch to `running`, from there until the application answers, until stopped
# or terminated, until an image is there; and on a machine of Packer's from `running` on.
MADE_UP = {
    "boot_seconds": 35,
    "serve_seconds": 25,
    "stop_seconds": 15,
    "image_seconds": 45,
    "bake_seconds": BAKES,
    "test_seconds": TESTS,
}
# Measured by others on EC2, and published (docs/figures.md names the sources).
SSH = 34
EC2 = {
    "boot_seconds": 15,
    "serve_seconds": SSH,
    "stop_seconds": 57,
    "image_seconds": 43,
    "bake_seconds": SSH + BAKES,
    "test_seconds": SSH + TESTS,
}
MODELS: dict[str, dict[str, float]] = {"made up": dict(MADE_UP), "EC2": dict(EC2)}
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
DEADLINE_SECONDS = 1800


def wait_until(ready: Callable[[], bool], pause: float) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark's cloud did not answer in half an hour")
        time.sleep(pause)


def beside(step: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    return thread


class Cloud:
    """One sandbox with a pair of target groups. `model`: how long things take once it is
    `begun`."""

    def __init__(self, home: Path, model: dict[str, float]) -> None:
        self.box = Sandbox.start(home, machines="simulated", account={"target_groups": [GROUP]})
        self._model = model
        self.ec2, self.elbv2 = client(self.box, "ec2"), client(self.box, "elbv2")
        groups = self.elbv2.describe_target_groups(Names=["website"])["TargetGroups"]
        self.group = groups[0]["TargetGroupArn"]
        subnets = self.ec2.describe_subnets()["Subnets"]
        self.subnets = ",".join(one["SubnetId"] for one in subnets)
        self.quick()
        self.base = self._base()

    def quick(self) -> None:
        self.box.script(**QUICK)

    def begin(self) -> None:
        self.box.clear_calls()
        self.box.script(**self._model)

    def _base(self) -> str:
        debian = self.ec2.describe_images(
            Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}]
        )
        machine = self.launch(debian["Images"][0]["ImageId"])
        image = self.image(machine, "rails-base for the benchmark", 0.1)
        self.remove([machine], 0.1)
        return image

    def launch(self, image: str) -> str:
        made = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]
        return str(made["InstanceId"])

    def state(self, machine: str) -> str:
        found = self.ec2.describe_instances(InstanceIds=[machine])["Reservations"]
        return str(found[0]["Instances"][0]["State"]["Name"])

    def image(self, machine: str, name: str, pause: float) -> str:
        """Wait for the machine, stop it, take its image: what any bake must."""
        self.work(machine, "bake_seconds", pause)
        self.ec2.stop_instances(InstanceIds=[machine])
        wait_until(lambda: self.state(machine) == "stopped", pause)
        made = self.ec2.create_image(InstanceId=machine, Name=name)["ImageId"]

        def available() -> bool:
            found = self.ec2.describe_images(ImageIds=[made])["Images"]
            return bool(found) and found[0]["State"] == "available"

        wait_until(available, pause)
        return str(made)

    def work(self, machine: str, what: str, pause: float) -> None:
        """The machine's own part, from when it runs."""
        wait_until(lambda: self.state(machine) == "running", pause)
        time.sleep(self._model[what])

    def remove(self, machines: list[str], pause: float) -> None:
        self.ec2.terminate_instances(InstanceIds=machines)
        wait_until(lambda: all(self.state(one) == "terminated" for one in machines), pause)

    def test(self, image: str, pause: float) -> str:
        """The machine that has tested."""
        machine = self.launch(image)
        self.work(machine, "test_seconds", pause)
        return machine

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

    def chain(self, pause: float) -> None:
        """From a commit to serving, one after the other, with a look every `pause` seconds."""
        builder = self.launch(self.base)
        image = self.image(builder, f"candidate {time.time()}", pause)
        self.remove([builder], pause)
        self.remove([self.test(image, pause)], pause)
        self.prove(self.fleet(image), pause)

    def limit(self, pause: float) -> None:
        """The same, where nothing waits for what it does not need."""
        builder = self.launch(self.base)
        image = self.image(builder, f"candidate {time.time()}", pause)
        removed = beside(lambda: self.remove([builder], pause))
        tested = beside(lambda: self.test(image, pause))
        self.prove(self.fleet(image), pause)
        tested.join()
        # It goes on while others serve.
        del removed

    def weights_set(self, after: float) -> list[float]:
        """When rules were changed, in seconds after that moment (of the epoch)."""
        times = [
            one["time"] for one in self.box.calls()
            if one["operation"] in {"ModifyRule", "ModifyListener"} and not one["error"]
        ]  # fmt: skip
        return [datetime.fromisoformat(one).timestamp() - after for one in times]
