"""Services: what an application needs beside it, each on a machine of its own in the sandbox's
network, with a password that lives as long as the rehearsal."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence

from rehearsal.account import client, every
from rehearsal.machine import Machines
from sandbox.client import Sandbox
from spotkiln.errors import InputError
from spotkiln.noun import Noun

START_SECONDS = 420

# Read from its first lines on: the password is no argument, so no process list has it.
POSTGRESQL = """
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null && apt-get install -qy --no-install-recommends postgresql >/dev/null
folder=$(echo /etc/postgresql/*/main)
echo "listen_addresses = '*'" >"$folder/conf.d/rehearsal.conf"
echo "host all all samenet scram-sha-256" >>"$folder/pg_hba.conf"
systemctl restart postgresql
runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 <<SQL
CREATE ROLE app LOGIN CREATEDB PASSWORD '$password';
CREATE DATABASE app OWNER app;
SQL
"""
REDIS = """
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null && apt-get install -qy --no-install-recommends redis-server >/dev/null
systemctl --quiet disable --now redis-server || true
printf 'bind 0.0.0.0\\nrequirepass %s\\n' "$password" >>/etc/redis/redis.conf
# Debian's unit asks for more of a kernel than a container has.
cat >/etc/systemd/system/rehearsal-redis.service <<UNIT
[Service]
User=redis
RuntimeDirectory=redis
ExecStart=/usr/bin/redis-server /etc/redis/redis.conf --daemonize no --supervised no
Restart=no
UNIT
systemctl daemon-reload
systemctl start rehearsal-redis
"""


class Kind(Noun):
    """How a service is set up, the unit that runs it, and where an application finds it: its
    address as one variable, and the parts of it."""

    setup: str
    unit: str
    variable: str
    address: str
    parts: dict[str, str]


KINDS = {
    "postgresql": Kind(
        setup=POSTGRESQL,
        unit="postgresql.service",
        variable="DATABASE_URL",
        address="postgresql://app:{PASSWORD}@{HOST}:{PORT}/app",
        parts={"PORT": "5432", "USER": "app", "DATABASE": "app"},
    ),
    "redis": Kind(
        setup=REDIS,
        unit="rehearsal-redis.service",
        variable="REDIS_URL",
        address="redis://:{PASSWORD}@{HOST}:{PORT}/0",
        parts={"PORT": "6379"},
    ),
}
# In a setting, for an application that does not read a whole address: ${POSTGRESQL_HOST}.
PART = re.compile(rf"\$\{{({'|'.join(KINDS).upper()})_([A-Z]+)\}}")


def require_known(names: Sequence[str]) -> None:
    """
    Raises:
        InputError: one cannot be started.
    """
    if unknown := sorted(set(names) - KINDS.keys()):
        raise InputError(
            f"no service {', '.join(unknown)}; there are: {', '.join(KINDS)}. Name one of these, "
            "or give the address of one that runs already in the settings' file"
        )


def require_parts(settings: Mapping[str, str], wanted: Sequence[str], called: str) -> None:
    """
    Raises:
        InputError: a setting names a part of a service that is not started, or has no such part.
    """
    for name, value in settings.items():
        for found in PART.finditer(value):
            service = found[1].lower()
            if service not in wanted:
                raise InputError(
                    f"{called}: {name} names {found[0]}, and no {service} is started: name it in "
                    f"test_services of spotkiln.yaml, or give `--service {service}`"
                )
            if found[2] not in (known := [*KINDS[service].parts, "HOST", "PASSWORD"]):
                raise InputError(
                    f"{called}: {name} names {found[0]}, and there are: "
                    f"{', '.join(f'{found[1]}_{one}' for one in sorted(known))}"
                )


class Service(Noun):
    """One that runs."""

    name: str
    instance: str
    host: str
    password: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def parts(self) -> dict[str, str]:
        return {**self.kind.parts, "HOST": self.host, "PASSWORD": self.password}

    @property
    def settings(self) -> dict[str, str]:
        return {self.kind.variable: self.kind.address.format(**self.parts)}


def tell(settings: Mapping[str, str], running: Sequence[Service]) -> dict[str, str]:
    """What the application is given: its settings, with the parts of services that they name put
    in; and the whole address of each service that they name no part of."""
    known = {
        f"{one.name.upper()}_{part}": value for one in running for part, value in one.parts.items()
    }
    named = {found[1].lower() for value in settings.values() for found in PART.finditer(value)}

    def part(found: re.Match[str]) -> str:
        return known.get(f"{found[1]}_{found[2]}", found[0])

    whole = [one.settings for one in running if one.name not in named]
    filled = {name: PART.sub(part, value) for name, value in settings.items()}
    return {**{name: value for one in whole for name, value in one.items()}, **filled}


def start(box: Sandbox, machines: Machines, name: str, say: Callable[[str], None]) -> Service:
    """It ends with the sandbox."""
    say(f"setting up {name} on a machine of its own ...")
    ec2 = client(box, "ec2")
    found = every(
        ec2,
        "describe_images",
        "Images[]",
        Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}],
    )
    made = ec2.run_instances(
        ImageId=found[0]["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": f"rehearsal {name}"}]}
        ],
    )
    instance = made["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(
        InstanceIds=[instance], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    described = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    password = secrets.token_hex(16)
    setup = f"set -euo pipefail\npassword={password}\n{KINDS[name].setup}"
    machines.run(instance, setup, seconds=START_SECONDS)
    return Service(
        name=name, instance=instance, host=described["PrivateIpAddress"], password=password
    )


def switch(machines: Machines, service: Service, how: str) -> None:
    """`stop` or `start` it: with the first all that are connected to it are cut off."""
    machines.run(service.instance, f"systemctl {how} {service.kind.unit}\n")
