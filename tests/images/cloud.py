"""A sandbox with real machines, real Packer against it, and what it makes."""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import httpx

from rehearsal.account import ensure_base_image, instances_of
from sandbox.client import Sandbox
from spotkiln.bake.app import App
from spotkiln.bake.units import write_files
from spotkiln.bake.variables import app_variables
from spotkiln.serve.role import SERVER
from tests import plain
from tests.unit.nouns import ROOT


class Machine:
    """An instance of an image, as it can be looked at from outside and from inside."""

    def __init__(self, container: str, instance_id: str, address: str) -> None:
        self._container = container
        self.instance_id = instance_id
        self.address = address

    def run(self, command: str) -> str:
        """What a shell command, run as root on it, prints; CalledProcessError if it fails."""
        return subprocess.run(
            ["docker", "exec", self._container, "bash", "-euo", "pipefail", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    def get(self, path: str, port: int = 3000) -> httpx.Response:
        return plain.get(f"http://{self.address}:{port}{path}", timeout=10)

    def wait_for(self, path: str, port: int = 3000, seconds: float = 60) -> httpx.Response:
        """The first answer, whatever its status."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.get(path, port)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    journal = self.run("journalctl --boot --no-pager --lines=60")
                    raise AssertionError(
                        f"nothing answered on port {port} within {seconds} s ({error})\n{journal}"
                    ) from error
            time.sleep(0.3)

    def wait_for_log(self, unit: str, text: str, seconds: float = 60) -> None:
        """Until the unit's journal of this boot has the text."""
        deadline = time.monotonic() + seconds
        while text not in (journal := self.run(f"journalctl --boot --no-pager --unit={unit}")):
            assert time.monotonic() < deadline, f"no {text!r} within {seconds} s in\n{journal}"
            time.sleep(0.3)


class Cloud:
    """One sandbox and a folder for Packer's files."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self._booted: list[str] = []
        environment = sandbox.environment
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    def packer(
        self, template: str, variables: Mapping[str, Any]
    ) -> subprocess.CompletedProcess[str]:
        file = self.folder / f"{template}.pkrvars.json"
        builder: dict[str, Any] = {
            "region": self.sandbox.environment["AWS_DEFAULT_REGION"],
            "endpoint": self.sandbox.environment["AWS_ENDPOINT_URL"],
            "ssh_interface": "private_ip",
        }
        if template != "task":
            builder["ssh_source_cidrs"] = ["10.0.0.0/8"]
        file.write_text(json.dumps({**builder, **variables}))
        return subprocess.run(
            ["packer", "build", "-color=false", f"-var-file={file}", f"packer/{template}.pkr.hcl"],
            cwd=ROOT,
            env=self.sandbox.process_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
            check=False,
        )

    def bake(self, template: str, name: str, variables: Mapping[str, Any]) -> str:
        """The id of the image that a template makes."""
        manifest = self.folder / f"{name.replace(' ', '-')}.json"
        done = self.packer(template, {**variables, "image_name": name, "manifest": str(manifest)})
        assert done.returncode == 0, done.stdout
        (build,) = json.loads(manifest.read_text())["builds"]
        return str(build["artifact_id"]).split(":")[1]

    def bake_app(
        self, app: App, archive: Path, name: str = "", commit: str = "0" * 40, base: str = ""
    ) -> str:
        """The id of the image that a release would make of this archive. `base` is another base
        image's id."""
        name = name or f"{app.name} tests"
        return self.bake(
            "app",
            name,
            {
                **app_variables(app),
                "source_ami": base or self.base_image(),
                "app_archive": str(archive),
                "commit": commit,
                "units": str(write_files(app, self.folder / name.replace(" ", "-") / "units")),
            },
        )

    @property
    def gateway(self) -> str:
        """The address by which machines reach this host."""
        name = f"spotkiln-sandbox-{self.sandbox.description['name']}"
        shown = subprocess.run(
            ["docker", "network", "inspect", name], capture_output=True, text=True, check=True
        )
        (network,) = json.loads(shown.stdout)
        return str(network["IPAM"]["Config"][0]["Gateway"])

    def base_image(self) -> str:
        """The one that the demo keeps for the next time, or a new one, which is kept too."""
        ensure_base_image(self.sandbox, print)
        (base,) = self.ec2.describe_images(
            Owners=["self"], Filters=[{"Name": "name", "Values": ["rails-base *"]}]
        )["Images"]
        return base["ImageId"]

    def boot(self, image: str, user_data: str = SERVER, profile: str = "", **more: Any) -> Machine:
        """A machine that is told what it is, as a fleet's launch template does it; with the role
        of an instance profile. `more` goes into the call."""
        request: dict[str, Any] = {"ImageId": image, "InstanceType": "t3.micro", **more}
        if profile:
            request["IamInstanceProfile"] = {"Name": profile}
        (made,) = self.ec2.run_instances(**request, MinCount=1, MaxCount=1, UserData=user_data)[
            "Instances"
        ]
        instance = made["InstanceId"]
        self._booted.append(instance)
        self.ec2.get_waiter("instance_running").wait(
            InstanceIds=[instance], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        (reservation,) = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        address = reservation["Instances"][0]["PrivateIpAddress"]
        name = self.sandbox.description["name"]
        return Machine(f"spotkiln-sandbox-{name}-{instance}", instance, address)

    def end_machines(self) -> None:
        """All that were booted: by default a host has inotify instances for some 16 systemds."""
        live = {"pending", "running", "stopped"}
        found = {one["InstanceId"]: one["State"]["Name"] for one in instances_of(self.ec2)}
        if ids := [one for one in self._booted if found.get(one) in live]:
            self.ec2.terminate_instances(InstanceIds=ids)
        self._booted = []
