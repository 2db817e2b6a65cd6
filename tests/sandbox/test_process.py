"""The sandbox as a process: up, down, status, killed, side by side."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import Sandbox, SandboxError
from sandbox.process.directory import AlreadyRunningError, Directory
from tests.sandbox.account import Account, eventually

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or (
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    )


def refuses(address: str) -> bool:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


def test_up_status_down(tmp_path: Path) -> None:
    directory = str(tmp_path / "box")
    assert command("status", "--dir", directory).returncode == 3
    assert command("status", "--dir", directory, "--json").stdout.strip() == "null"
    up = command("up", "--detach", "--machines", "simulated", "--dir", directory)
    assert up.returncode == 0, up.stderr
    described: dict[str, Any] = json.loads((tmp_path / "box" / "sandbox.json").read_text())
    status = json.loads(command("status", "--dir", directory, "--json").stdout)
    assert status["endpoint"] == described["endpoint"]
    assert status["inventory"]["instances"] == {"count": 0, "ids": []}
    address = described["load_balancers"]["website"]
    told = command("status", "--dir", directory).stdout
    assert f"load balancer website, website-green {address}\n" in told
    assert told.count(address) == 1
    second = command("up", "--detach", "--machines", "simulated", "--dir", directory)
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert command("down", "--dir", directory).returncode == 0
    assert ended(described["pid"])
    assert refuses(described["endpoint"])
    assert refuses(described["load_balancers"]["website"])
    assert not (tmp_path / "box" / "sandbox.json").exists()
    assert command("down", "--dir", directory).returncode == 0  # again does no harm


def test_the_environment_is_all_a_program_needs(box: Sandbox) -> None:
    code = "import boto3; print(boto3.client('ec2').describe_vpcs()['Vpcs'][0]['OwnerId'])"
    bare = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "HTTP_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**bare, **box.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "123456789012", done.stderr
    assert "AWS_MAX_ATTEMPTS" not in box.environment  # botocore's retries are the program's own


def test_faults_and_interruptions_by_command(account: Account, box: Sandbox) -> None:
    directory = str(box.directory)
    done = command("fault", "DescribeKeyPairs", "delay", "nth=2", "seconds=0.1", "--dir", directory)
    fault = json.loads(done.stdout)
    assert (fault["operation"], fault["kind"], fault["nth"]) == ("DescribeKeyPairs", "delay", 2)
    assert fault["arguments"] == {"seconds": 0.1}
    bad = command("fault", "DescribeKeyPairs", "explode", "--dir", directory)
    assert bad.returncode == 1
    assert "expected one of" in bad.stderr
    assert command("fault", "--clear", "--dir", directory).stdout == ""
    box.script(boot_seconds=1)
    instance = account.run(InstanceMarketOptions={"MarketType": "spot"})
    account.until(instance, "running")
    done = command("interrupt", instance, "--notice-seconds", "1", "--dir", directory)
    assert done.returncode == 0, done.stderr
    account.until(instance, "terminated")
    unknown = command("interrupt", "i-1", "--dir", directory)
    assert unknown.returncode == 1
    assert "does not exist" in unknown.stderr


def test_in_the_foreground_a_signal_ends_it(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "box")
    arguments = ["up", "--machines", "simulated", "--dir", str(directory.path)]
    process = subprocess.Popen([sys.executable, "-m", "sandbox", *arguments], cwd=ROOT)
    described = eventually(directory.read, timeout=60, what="ready")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert refuses(described["endpoint"])
    assert directory.read() is None
    assert not directory.running()


def test_side_by_side_killed_and_started_again(
    tmp_path: Path, account: Account, box: Sandbox
) -> None:
    """Two know nothing of each other; after a kill the next one starts as if nothing had been."""
    groups = {"target_groups": ["website", {"name": "blog", "interval": 30}], "zones": ["a", "b"]}
    first = Sandbox.start(tmp_path, machines="simulated", account=groups, region="eu-west-2")
    assert first.description["name"] != box.description["name"]
    names = {"website", "website-green", "blog", "blog-green"}
    assert set(first.description["load_balancers"]) == names
    ec2 = boto3_in(first, "eu-west-2")
    ec2.create_key_pair(KeyName="theirs")
    assert first.inventory()["key_pairs"]["ids"] == ["theirs"]
    assert box.inventory()["key_pairs"]["ids"] == []
    zones = {one["AvailabilityZone"] for one in ec2.describe_subnets()["Subnets"]}
    assert zones == {"eu-west-2a", "eu-west-2b"}
    key = (tmp_path / "demo.pem").read_text()
    os.kill(first.description["pid"], signal.SIGKILL)
    eventually(lambda: not Directory(tmp_path).running(), what="killed")
    with pytest.raises(SandboxError, match="no sandbox runs"):
        Sandbox.attach(tmp_path)
    with Sandbox.start(tmp_path, machines="simulated") as second:
        assert second.description["pid"] != first.description["pid"]
        assert second.inventory()["key_pairs"]["ids"] == []
        assert (tmp_path / "demo.pem").read_text() == key


def boto3_in(box: Sandbox, region: str) -> Any:
    import boto3

    return boto3.client(
        "ec2",
        endpoint_url=box.environment["AWS_ENDPOINT_URL"],
        region_name=region,
        aws_access_key_id=box.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=box.environment["AWS_SECRET_ACCESS_KEY"],
    )


def test_a_directory_is_held_by_one(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    with directory.hold():
        assert directory.running()
        with pytest.raises(AlreadyRunningError), Directory(tmp_path).hold():
            pass
    assert not directory.running()


def test_names_differ_by_directory(tmp_path: Path) -> None:
    one, other = Directory(tmp_path / "a" / "box"), Directory(tmp_path / "b" / "box")
    assert one.default_name != other.default_name
    assert one.default_name == Directory(tmp_path / "a" / "box").default_name
    assert one.default_name.startswith("box-")
