"""The stand-in for Packer, beside the real one where there is one."""

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account, eventually

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
STANDIN = ROOT / "sandbox" / "packer_standin" / "packer"


class Bakery:
    """Runs templates with their variables; the templates are the repository's own."""

    def __init__(self, folder: Path, account: Account, box: Sandbox) -> None:
        self.folder, self._account, self._box = folder, account, box

    def variables(self, **more: Any) -> dict[str, Any]:
        return {
            "region": "eu-west-1",
            "endpoint": self._box.environment["AWS_ENDPOINT_URL"],
            "source_ami": self._account.debian,
            "subnet_id": self._account.subnets()["eu-west-1b"],
            "ssh_source_cidrs": ["127.0.0.0/8"],
            "tags": {"spotkiln:app": "demo"},
            "run_tags": {"spotkiln:app": "demo", "spotkiln:role": "builder"},
            "app_name": "demo",
            **more,
        }

    def start(self, template: str, **variables: Any) -> "subprocess.Popen[str]":
        file = self.folder / "variables.json"
        file.write_text(json.dumps(self.variables(**variables)))
        return subprocess.Popen(
            [
                str(STANDIN),
                "build",
                "-color=false",
                "-machine-readable",
                f"-var-file={file}",
                str(ROOT / "packer" / template),
            ],
            env=self._box.process_environment(),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, template: str, **variables: Any) -> tuple[int, list[list[str]]]:
        """Exit code, and the lines as their parts."""
        process = self.start(template, **variables)
        output, _ = process.communicate(timeout=60)
        return process.returncode, [line.split(",") for line in output.splitlines()]

    def app(self, **behaviour: Any) -> tuple[int, list[list[str]]]:
        return self.run("app.pkr.hcl", **self.app_variables(**behaviour))

    def app_variables(self, **behaviour: Any) -> dict[str, Any]:
        archive = self.folder / "app.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            content = json.dumps(behaviour).encode()
            entry = tarfile.TarInfo(".sandbox.json")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        return {
            "image_name": f"demo {time.monotonic_ns()}",
            "app_archive": str(archive),
            "units": str(self._units()),
            "commit": "0" * 40,
            "manifest": str(self.folder / "manifest.json"),
        }

    def _units(self) -> Path:
        """A folder as spotkiln/bake/units.py writes one, with nothing in it."""
        units = self.folder / "units"
        (units / "system").mkdir(parents=True, exist_ok=True)
        (units / "lib").mkdir(exist_ok=True)
        return units

    def image(self) -> str:
        manifest = json.loads((self.folder / "manifest.json").read_text())
        (build,) = [
            one for one in manifest["builds"] if one["packer_run_uuid"] == manifest["last_run_uuid"]
        ]
        region, _, image = build["artifact_id"].partition(":")
        assert region == "eu-west-1"
        return str(image)


@pytest.fixture
def bakery(tmp_path: Path, account: Account, box: Sandbox) -> Bakery:
    box.script(boot_seconds=2, serve_seconds=0, stop_seconds=2, image_seconds=10)
    return Bakery(tmp_path, account, box)


def nothing_left(box: Sandbox) -> None:
    inventory = box.inventory()
    for kind in ("instances", "key_pairs", "security_groups", "volumes"):
        assert inventory[kind]["ids"] == [], kind


@pytest.mark.parametrize("missing", ["units", "secrets_file"])
def test_what_is_not_there_is_missed_as_packer_misses_it(
    bakery: Bakery, box: Sandbox, missing: str
) -> None:
    """The file of a build's secrets too: it ends with the process that made it."""
    nowhere = str(bakery.folder / "nowhere")
    code, lines = bakery.run("app.pkr.hcl", **{**bakery.app_variables(), missing: nowhere})
    assert code == 1
    assert any(f"Bad source '{nowhere}'" in part for line in lines for part in line)
    nothing_left(box)


def test_it_says_what_it_is() -> None:
    done = subprocess.run([STANDIN, "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Packer v1.6.6")
    assert "stand-in" in done.stdout


def test_it_comes_first_in_the_path_of_the_sandbox(box: Sandbox) -> None:
    assert shutil.which("packer", path=box.environment["PATH"]) == str(STANDIN)


def test_a_bake_makes_a_tagged_image_and_leaves_nothing_else(
    bakery: Bakery, account: Account, box: Sandbox
) -> None:
    code, lines = bakery.app()
    assert code == 0, lines
    assert any("stand-in" in ",".join(line) for line in lines)
    image = bakery.image()
    assert ["amazon-ebs.app", "artifact", "0", "id", f"eu-west-1:{image}"] in [
        line[1:] for line in lines
    ]
    described = account.image(image)
    assert described["State"] == "available"
    assert described["Tags"] == [{"Key": "spotkiln:app", "Value": "demo"}]
    snapshot = described["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    found = account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert found["Tags"] == [{"Key": "spotkiln:app", "Value": "demo"}]
    nothing_left(box)


def test_an_image_of_arm64_is_baked_on_a_machine_of_arm64(
    bakery: Bakery, account: Account, box: Sandbox
) -> None:
    wanted = [{"Name": "name", "Values": ["debian-13-arm64-*"]}]
    (debian,) = account.ec2.describe_images(Filters=wanted)["Images"]
    source = {"source_ami": debian["ImageId"], **bakery.app_variables()}
    code, lines = bakery.run("app.pkr.hcl", **source, instance_type="t4g.small")
    assert code == 0, lines
    assert account.image(bakery.image())["Architecture"] == "arm64"
    source |= {"image_name": "demo of the wrong machine"}
    code, lines = bakery.run("app.pkr.hcl", **source, instance_type="t3.small")
    assert code == 1
    told = "The architecture 'x86_64' of the specified instance type does not match"
    assert any(told in part for line in lines for part in line), lines
    nothing_left(box)


def test_its_builder_is_named_and_tagged_as_packers(bakery: Bakery, box: Sandbox) -> None:
    box.clear_calls()
    bakery.app()
    calls = {call["operation"]: call["parameters"] for call in box.calls()}
    assert calls["CreateKeyPair"]["KeyName"].startswith("packer_")
    assert calls["CreateSecurityGroup"]["GroupName"].startswith("packer_")
    permission = calls["AuthorizeSecurityGroupIngress"]["IpPermissions"][0]
    assert permission["IpRanges"] == [{"CidrIp": "127.0.0.0/8"}]
    tags = {
        spec["ResourceType"]: {tag["Key"]: tag["Value"] for tag in spec["Tags"]}
        for spec in calls["RunInstances"]["TagSpecifications"]
    }
    given = {"spotkiln:app": "demo", "spotkiln:role": "builder"}
    assert tags["instance"] == {"Name": "Packer Builder", **given}
    assert tags["volume"] == given


def test_its_builder_has_the_disk_and_the_address_that_are_asked_for(
    bakery: Bakery, account: Account, box: Sandbox
) -> None:
    box.clear_calls()
    disk = {"root_device": "/dev/xvda", "root_gib": 20, "root_type": "gp3"}
    asked = {**bakery.app_variables(), **disk, "public_address": "true"}
    code, lines = bakery.run("app.pkr.hcl", **asked)
    assert code == 0, lines
    (call,) = (one["parameters"] for one in box.calls() if one["operation"] == "RunInstances")
    (mapping,) = call["BlockDeviceMappings"]
    assert mapping["DeviceName"] == "/dev/xvda"
    assert mapping["Ebs"].items() >= {"VolumeSize": 20, "VolumeType": "gp3"}.items()
    (interface,) = call["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is True
    assert interface["SubnetId"] == account.subnets()["eu-west-1b"]
    assert len(interface["Groups"]) == 1
    ebs = account.image(bakery.image())["BlockDeviceMappings"][0]["Ebs"]
    assert (ebs["VolumeSize"], ebs["VolumeType"]) == (20, "gp3")


def test_the_manifest_grows(bakery: Bakery) -> None:
    bakery.app()
    first = bakery.image()
    bakery.app()
    assert bakery.image() != first
    assert len(json.loads((bakery.folder / "manifest.json").read_text())["builds"]) == 2


def test_a_broken_build_exits_as_the_provisioning_script_would(
    bakery: Bakery, box: Sandbox
) -> None:
    code, lines = bakery.app(build="broken")
    assert code == 1
    errors = [line for line in lines if line[2] == "error"]
    assert "non-zero exit status: 10" in ",".join(errors[0])
    nothing_left(box)
    assert box.inventory()["images"]["ids"] == []


@pytest.mark.parametrize(
    ("behaviour", "status"), [({}, 0), ({"tests": "red"}, 20), ({"unit": "failed"}, 30)]
)
def test_the_report_of_the_tests_comes_home(
    bakery: Bakery, box: Sandbox, behaviour: dict[str, Any], status: int
) -> None:
    assert bakery.app(**behaviour)[0] == 0
    report = bakery.folder / "report"
    report.mkdir()
    code, lines = bakery.run("test.pkr.hcl", source_ami=bakery.image(), report_dir=str(report))
    assert code == (1 if status else 0)
    assert (report / "exit-code").read_text() == f"{status}\n"
    assert "stand-in" in (report / "test.log").read_text()
    assert (report / "journal.log").exists()
    junit = (report / "junit.xml").read_text()
    assert ("<failure" in junit) == (status == 20)
    assert bool(junit) == (status != 30)
    text = "\n".join(",".join(line) for line in lines)
    assert (f"non-zero exit status: {status}" in text) == bool(status)
    nothing_left(box)


def test_a_base_brings_home_the_packages_that_the_rules_name(
    bakery: Bakery, account: Account, box: Sandbox
) -> None:
    for number, rule in enumerate([{}, {"packages": ["ruby=3.1", "openssl=3.0"]}]):
        box.script(match={"image_id": account.debian}, **rule)
        code, lines = bakery.run(
            "base.pkr.hcl",
            image_name=f"base {number}",
            manifest=str(bakery.folder / "manifest.json"),
            package_list=str(bakery.folder / f"packages-{number}"),
        )
        assert code == 0, lines
        assert account.image(bakery.image())["State"] == "available"
    assert (bakery.folder / "packages-0").read_text().splitlines()
    assert (bakery.folder / "packages-1").read_text() == "ruby=3.1\nopenssl=3.0\n"
    nothing_left(box)


def test_a_sick_application_is_sick_wherever_its_image_runs(
    bakery: Bakery, account: Account
) -> None:
    assert bakery.app(health=500)[0] == 0
    fleet = account.request(ImageId=bakery.image(), TargetCapacity=1)
    (instance,) = account.running_members(fleet, 1)
    health = account.until_health(instance, "unhealthy")
    assert health["Description"] == "Health checks failed with these codes: [500]"


def test_a_name_that_is_taken_fails_before_anything_is_made(
    bakery: Bakery, account: Account, box: Sandbox
) -> None:
    bakery.app()
    taken = account.image(bakery.image())["Name"]
    box.clear_calls()
    code, _ = bakery.run("app.pkr.hcl", **{**bakery.app_variables(), "image_name": taken})
    assert code == 1
    assert not [call for call in box.calls() if call["mutating"]]


def test_sigterm_cleans_up(bakery: Bakery, box: Sandbox) -> None:
    process = bakery.start("app.pkr.hcl", **bakery.app_variables(bake_seconds=10_000))
    eventually(lambda: box.inventory()["instances"]["ids"], what="the builder")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Cleanly cancelled builds" in output
    nothing_left(box)


def test_sigterm_while_the_image_is_made_takes_it_back(bakery: Bakery, box: Sandbox) -> None:
    box.script(image_seconds=10_000)
    process = bakery.start("app.pkr.hcl", **bakery.app_variables())
    eventually(lambda: box.inventory()["images"]["ids"], what="the image under way")
    process.terminate()
    process.communicate(timeout=30)
    nothing_left(box)
    assert box.inventory()["images"]["ids"] == []
    assert box.inventory()["snapshots"]["ids"] == []


def test_sigkill_leaks_the_builder_its_key_and_its_group(bakery: Bakery, account: Account) -> None:
    box = account.box
    process = bakery.start("app.pkr.hcl", **bakery.app_variables(bake_seconds=10_000))
    eventually(lambda: box.inventory()["instances"]["ids"], what="the builder")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    inventory = box.inventory()
    assert inventory["instances"]["count"] == 1
    (key,) = inventory["key_pairs"]["ids"]
    (group,) = inventory["security_groups"]["ids"]
    instance = account.instance(inventory["instances"]["ids"][0])
    assert instance["KeyName"] == key
    assert [one["GroupId"] for one in instance["SecurityGroups"]] == [group]
    account.ec2.terminate_instances(InstanceIds=inventory["instances"]["ids"])
    account.until(inventory["instances"]["ids"][0], "terminated")
    account.ec2.delete_key_pair(KeyName=key)
    account.ec2.delete_security_group(GroupId=group)


def test_it_tries_again_when_throttled_or_left_without_an_answer(
    bakery: Bakery, box: Sandbox
) -> None:
    box.fault("RunInstances", "lost")
    box.fault("CreateImage", "throttle", count=2)
    code, lines = bakery.app()
    assert code == 0, lines
    assert box.inventory()["images"]["count"] == 1
    nothing_left(box)


NOTHING = """
variable "endpoint" {}
variable "source_ami" {}
source "amazon-ebs" "app" {
  region              = "eu-west-1"
  custom_endpoint_ec2 = var.endpoint
  source_ami          = var.source_ami
  ami_name            = "made by packer itself"
  instance_type       = "t3.small"
  communicator        = "none"
  tags                = { "spotkiln:app" = "demo" }
  snapshot_tags       = { "spotkiln:app" = "demo" }
  run_tags            = { "spotkiln:app" = "demo" }
}
build { sources = ["source.amazon-ebs.app"] }
"""


@pytest.mark.skipif(not Path("/usr/bin/packer").exists(), reason="Packer is not installed")
def test_packer_itself_makes_the_same_changes(
    bakery: Bakery, account: Account, box: Sandbox
) -> None:
    """Against the API alone, without a machine to log in to."""
    box.clear_calls()
    assert bakery.app()[0] == 0
    ours = [call["operation"] for call in box.calls() if call["mutating"]]
    template = bakery.folder / "nothing.pkr.hcl"
    template.write_text(NOTHING)
    box.clear_calls()
    done = subprocess.run(
        [
            "/usr/bin/packer",
            "build",
            f"-var=endpoint={box.environment['AWS_ENDPOINT_URL']}",
            f"-var=source_ami={account.debian}",
            str(template),
        ],
        env={**box.process_environment(), "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert [call["operation"] for call in box.calls() if call["mutating"]] == ours
    assert not [call for call in box.calls() if call["error"]]
    nothing_left(box)
