"""The whole sandbox with real machines: API, containers, health checks and load balancer."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.client import Sandbox
from sandbox.process.directory import Directory
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_process import command

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0,
        reason="no Docker daemon answers",
    ),
]

# What serves in the machine; Debian's smallest Python has no http.server.
SERVER = """
import socket
listener = socket.create_server(("", 3000))
while True:
    client, _ = listener.accept()
    client.recv(4096)
    client.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nwell\\n")
    client.close()
"""
SERVE = f"echo '{SERVER}' >/tmp/serve.py && sudo systemd-run --unit=web python3 /tmp/serve.py"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("docker-box"), machines="docker") as box:
        yield box


@pytest.fixture(scope="module")
def account(box: Sandbox) -> Account:
    return Account(box)


def ssh(box: Sandbox, address: str, words: str) -> subprocess.CompletedProcess[str]:
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes"]
    flags = [part for option in [*options, "ConnectTimeout=5"] for part in ("-o", option)]
    return subprocess.run(
        ["ssh", "-q", *flags, "-i", str(box.directory / "demo.pem"), f"admin@{address}", words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def booted(account: Account, instance: str) -> str:
    """Its address, once somebody can log in."""
    eventually(lambda: account.state(instance) == "running", timeout=120, what="running")
    address = str(account.instance(instance)["PublicIpAddress"])
    eventually(lambda: ssh(account.box, address, "true").returncode == 0, timeout=60, what="ssh")
    return address


def test_a_real_machine_from_launch_to_image_and_end(account: Account, box: Sandbox) -> None:
    instance = account.run(KeyName="demo")
    address = booted(account, instance)
    assert account.instance(instance)["PrivateIpAddress"] == address
    assert ssh(box, address, "systemctl is-system-running --wait").stdout.strip() != ""
    assert "systemd" in account.ec2.get_console_output(InstanceId=instance, Latest=True)["Output"]
    assert ssh(box, address, "echo kept | sudo tee /etc/mark").returncode == 0
    account.ec2.stop_instances(InstanceIds=[instance])
    eventually(lambda: account.state(instance) == "stopped", timeout=60, what="stopped")
    image = account.make_image(instance)
    eventually(lambda: account.image(image)["State"] == "available", timeout=60, what="image")
    account.ec2.terminate_instances(InstanceIds=[instance])
    eventually(lambda: account.state(instance) == "terminated", timeout=60, what="terminated")
    again = account.run(image, KeyName="demo")
    assert ssh(box, booted(account, again), "cat /etc/mark").stdout == "kept\n"
    account.ec2.terminate_instances(InstanceIds=[again])
    eventually(lambda: not box.inventory()["containers"]["count"], timeout=60, what="no container")
    account.ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)


def test_a_fleet_serves_and_replaces_what_it_loses(account: Account, box: Sandbox) -> None:
    fleet = account.request(TargetCapacity=1, spec={"KeyName": "demo"})
    account.until_fleet(fleet, "active", "fulfilled")
    first = account.members(fleet)[0]["InstanceId"]
    address = booted(account, first)
    reason = eventually(
        lambda: account.health().get(first, {}).get("Reason") == "Target.FailedHealthChecks",
        timeout=60,
        what="nothing listens yet",
    )
    assert reason
    assert ssh(box, address, SERVE).returncode == 0
    eventually(lambda: account.health()[first]["State"] == "healthy", timeout=60, what="healthy")
    answer = httpx.get(f"{box.load_balancer('website')}/up", trust_env=False)
    assert (answer.status_code, answer.text) == (200, "well\n")
    box.kill_machine(first)
    eventually(lambda: len(account.members(fleet)) == 2, timeout=60, what="a replacement")
    account.until(first, "terminated")
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    eventually(lambda: not box.inventory()["containers"]["count"], timeout=60, what="no container")
    account.until_fleet(fleet, "cancelled")


# A call as a machine's scripts make it: the role's credentials by IMDSv2, the address from the
# environment of its units, signed by curl.
CALL = r"""
set -eu
metadata=http://169.254.169.254/latest
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token")
get() { curl -sf -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"; }
role=$(get iam/security-credentials/) || { echo 'no role'; exit 0; }
found=$(get "iam/security-credentials/$role")
text() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p' <<<"$found"; }
endpoint=$(systemctl show-environment | sed -n 's/^AWS_ENDPOINT_URL=//p')
curl -s --user "$(text AccessKeyId):$(text SecretAccessKey)" \
  -H "X-Amz-Security-Token: $(text Token)" --aws-sigv4 "aws:amz:$(get placement/region):$1" \
  -H "X-Amz-Target: $2" -H 'Content-Type: application/x-amz-json-1.1' --data "$3" "$endpoint/"
"""


def call(box: Sandbox, address: str, service: str, target: str, **given: Any) -> dict[str, Any]:
    words = shlex.join(["bash", "-c", CALL, "call", service, target, json.dumps(given)])
    done = ssh(box, address, words)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout or "{}"))


def test_a_machine_reads_its_configuration_with_its_role(account: Account, box: Sandbox) -> None:
    one = account.run(KeyName="demo", IamInstanceProfile={"Name": "website"})
    bare = account.run(KeyName="demo")
    address = booted(account, one)
    by_path = "AmazonSSM.GetParametersByPath"
    path = "/demo-web-app/production/"
    found = call(box, address, "ssm", by_path, Path=path, WithDecryption=True)["Parameters"]
    names = ["GREETING", "SECRET_KEY_BASE"]
    assert [one["Name"].removeprefix(path) for one in found] == names
    assert found[0]["Value"] == "Hello from production"
    get = "secretsmanager.GetSecretValue"
    secret = call(box, address, "secretsmanager", get, SecretId="demo-web-app/production")
    assert list(json.loads(secret["SecretString"])) == ["MAIL_PASSWORD"]
    refused = call(box, address, "ssm", by_path, Path="/demo-web-app/staging/")
    assert refused["__type"] == "AccessDeniedException"
    assert f"assumed-role/website/{one} is not authorized" in refused["message"]
    logs = call(box, address, "logs", "Logs_20140328.CreateLogGroup", logGroupName="/spotkiln/here")
    assert logs == {}
    callers = {x["caller"] for x in box.calls() if x["service"] in ("ssm", "logs")}
    assert callers == {one}
    address = booted(account, bare)
    done = ssh(box, address, shlex.join(["bash", "-c", CALL, "call", "ssm", by_path, "{}"]))
    assert done.stdout == "no role\n"
    unsigned = ssh(
        box,
        address,
        "curl -s -H 'X-Amz-Target: AmazonSSM.GetParametersByPath' --data '{}' "
        "$(systemctl show-environment | sed -n 's/^AWS_ENDPOINT_URL=//p')/",
    )
    assert "MissingAuthenticationToken" in unsigned.stdout
    account.ec2.terminate_instances(InstanceIds=[one, bare])
    eventually(lambda: not box.inventory()["containers"]["count"], timeout=60, what="no container")


def test_nothing_is_left_even_after_a_kill(tmp_path: Path) -> None:
    box = Sandbox.start(tmp_path, machines="docker")
    account = Account(box)
    instance = account.run()
    eventually(lambda: account.state(instance) == "running", timeout=120, what="running")
    os.kill(box.description["pid"], signal.SIGKILL)
    eventually(lambda: not Directory(tmp_path).running(), what="killed")
    assert left(box.description["name"])
    assert command("down", "--dir", str(tmp_path)).returncode == 0
    assert left(box.description["name"]) == []


def left(name: str) -> list[str]:
    """Containers, images and networks of that sandbox."""
    found = []
    for words in (["ps", "-a"], ["image", "ls"], ["network", "ls"]):
        shown = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
        found += [line for line in shown.stdout.splitlines() if name in line]
    return found
