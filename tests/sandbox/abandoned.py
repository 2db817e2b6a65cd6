"""Run by test_docker_machines: a sandbox with one machine, whose process waits to be killed.

Arguments: the sandbox's name, the path of an SSH key. Prints what the machine's metadata says its
id is.
"""

import subprocess
import sys
import time
from pathlib import Path

from sandbox.machines.docker.machines import DockerMachines
from sandbox.machines.protocol import MachineSpec

ASK = (
    'token=$(curl -sf -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60"'
    " http://169.254.169.254/latest/api/token);"
    ' curl -sf -H "X-aws-ec2-metadata-token: $token"'
    " http://169.254.169.254/latest/meta-data/instance-id"
)


def main(name: str, key: str) -> None:
    machines = DockerMachines(name)
    image = machines.initial_images([])[0]
    machines.launch(
        MachineSpec(
            instance_id="i-abandoned",
            image_id=image.image_id,
            image_name=image.name,
            instance_type="t3.micro",
            memory_mib=1024,
            region="eu-west-1",
            zone="eu-west-1a",
            zone_id="euw1-az1",
            account_id="123456789012",
            vpc_id="vpc-1",
            subnet_id="subnet-1",
            spot=False,
            private_ip="10.0.0.1",
            public_ip=None,
            public_key=Path(f"{key}.pub").read_text(),
        )
    )
    deadline = time.monotonic() + 30
    while machines.observe("i-abandoned").status != "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    ssh = ["ssh", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    ssh += ["-o", "LogLevel=ERROR", f"admin@{machines.observe('i-abandoned').address}", ASK]
    answer = subprocess.run(ssh, capture_output=True, text=True, timeout=30, check=True)
    print(answer.stdout, flush=True)
    time.sleep(60)


main(sys.argv[1], sys.argv[2])
