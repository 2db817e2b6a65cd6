"""One image with the settings of whichever environment it serves: on real machines, under real
units, from the sandbox's Parameter Store and Secrets Manager, each with a role of its own."""

import base64
import json
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from spotkiln.bake.configuration import Configuration
from spotkiln.serve.evidence import Evidence, with_known_cause
from spotkiln.serve.gate import Cause, GateOutcome, Verdict
from spotkiln.serve.role import SERVER
from tests.images.cloud import Cloud, Machine
from tests.unit.bake.test_read_config import NASTY
from tests.unit.nouns import instance, settled, target_group

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

PORT = 8080
PROFILES = {"production": "website", "staging": "website-staging"}
# The migration sees them as well.
PROGRAM = """
require "webrick"

if ARGV == ["migrate"]
  File.write("tmp/migrated", ENV.fetch("DATABASE_URL"))
  exit
end
server = WEBrick::HTTPServer.new(Port: ENV.fetch("PORT"), AccessLog: [])
server.mount_proc("/") { |_, response| response.body = ENV.fetch("WHERE") }
trap("TERM") { server.shutdown }
server.start
"""
APP = settled(
    name="shop",
    port=PORT,
    health_path="/",
    build="ruby -c shop.rb",
    migrate="ruby shop.rb migrate",
    migrate_on="each",
    start="ruby shop.rb",
    notify=False,
    environment={"WHERE": "nowhere", "GREETING": "of the image"},
    config=("DATABASE_URL", "SECRET_KEY_BASE", "WHERE"),
    writable=("tmp",),
)


def value_of(environment: str, name: str) -> str:
    return f"{name.lower()}-of-{environment}-{NASTY['QUOTES']}\n"


@pytest.fixture(scope="module")
def clients(cloud: Cloud) -> Iterator[dict[str, Any]]:
    given = cloud.sandbox.environment
    yield {
        name: boto3.client(
            name,
            endpoint_url=given["AWS_ENDPOINT_URL"],
            region_name=given["AWS_DEFAULT_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )
        for name in ("ssm", "secretsmanager")
    }


@pytest.fixture(scope="module")
def stored(clients: dict[str, Any]) -> None:
    for environment in PROFILES:
        values = {
            **NASTY,
            "WHERE": environment,
            "DATABASE_URL": value_of(environment, "DATABASE_URL"),
            "tls.key": NASTY["CRLF"],
        }
        for name, value in values.items():
            clients["ssm"].put_parameter(
                Name=f"/shop/{environment}/{name}", Value=value, Type="SecureString"
            )
        text = json.dumps({"SECRET_KEY_BASE": value_of(environment, "SECRET_KEY_BASE")})
        clients["secretsmanager"].create_secret(Name=f"shop/{environment}", SecretString=text)


@pytest.fixture(scope="module")
def image(cloud: Cloud, stored: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.rb").write_text(PROGRAM)
    with tarfile.open(folder / "app.tar.gz", "w:gz") as archive:
        archive.add(folder / "shop.rb", "shop.rb")
    return cloud.bake_app(APP, folder / "app.tar.gz")


def boot(cloud: Cloud, image: str, profile: str, sources: Configuration) -> Machine:
    return cloud.boot(image, SERVER + sources.user_data, profile)


def process(machine: Machine) -> dict[str, str]:
    """The environment of the application's main process, as the kernel was given it."""
    main = machine.run("systemctl show --property=MainPID --value shop").strip()
    raw = base64.b64decode(machine.run(f"base64 /proc/{main}/environ"))
    return dict(one.decode().split("=", 1) for one in raw.split(b"\0") if one)


def test_one_image_serves_each_environment_with_its_own_settings(cloud: Cloud, image: str) -> None:
    machines = {
        environment: boot(
            cloud,
            image,
            profile,
            Configuration(parameters=(f"/shop/{environment}",), secrets=(f"shop/{environment}",)),
        )
        for environment, profile in PROFILES.items()
    }
    for environment, machine in machines.items():
        assert machine.wait_for("/", port=PORT).text == environment
        expected = {
            **NASTY,
            "WHERE": environment,
            "DATABASE_URL": value_of(environment, "DATABASE_URL"),
            "SECRET_KEY_BASE": value_of(environment, "SECRET_KEY_BASE"),
            "GREETING": "of the image",
            "PORT": str(PORT),
        }
        seen = process(machine)
        assert {name: seen.get(name) for name in expected} == expected
        migrated = machine.run("cat $(find /var/lib/shop /srv/shop -name migrated)")
        assert migrated == expected["DATABASE_URL"]
        # For what reads files: as its user, and nobody else but root.
        key = machine.run("runuser -u webapp -- base64 /run/shop/credentials/tls.key")
        assert base64.b64decode(key).decode() == NASTY["CRLF"]
        machine.run("! runuser -u nobody -- cat /run/shop/config.env 2>/dev/null")
        machine.run("! runuser -u webapp -- touch /run/shop/config.env 2>/dev/null")
        assert machine.run("findmnt --noheadings --output FSTYPE --target /run/shop").strip() == (
            "tmpfs"
        )
        assert_nothing_is_told(cloud, machine, environment)


def assert_nothing_is_told(cloud: Cloud, machine: Machine, environment: str) -> None:
    """Neither on the machine's disk, nor in its journal, nor by what EC2 tells of it."""
    marks = [f"database_url-of-{environment}", f"secret_key_base-of-{environment}"]
    told = machine.run("journalctl --boot --no-pager --output=verbose")
    told += json.dumps(
        [
            cloud.ec2.describe_instances(InstanceIds=[machine.instance_id]),
            cloud.ec2.describe_instance_attribute(
                InstanceId=machine.instance_id, Attribute="userData"
            ),
            cloud.ec2.get_console_output(InstanceId=machine.instance_id, Latest=True),
        ],
        default=str,
    )
    assert [one for one in marks if one in told] == []
    patterns = " ".join(f"-e {one}" for one in marks)
    found = machine.run(
        f"grep --recursive --files-with-matches --no-messages --devices=skip {patterns} "
        "/etc /var /srv /usr/local /tmp /root /home || true"
    ).split()
    # The application itself has written one down: that is what the search can find.
    assert [one for one in found if not one.endswith("/migrated")] == []
    assert [one for one in found if one.endswith("/migrated")] != []


def test_a_name_that_is_missing_is_a_failed_unit(
    cloud: Cloud, clients: dict[str, Any], image: str
) -> None:
    clients["ssm"].put_parameter(Name="/less/staging/WHERE", Value="here", Type="String")
    sources = Configuration(parameters=("/less/staging",))
    machine = boot(cloud, image, PROFILES["staging"], sources)
    assert until_decided(machine) == "failed"
    states = machine.run("systemctl is-active shop-migrate shop || true").split()
    assert states == ["inactive", "inactive"]
    said = (
        "config: missing: DATABASE_URL, SECRET_KEY_BASE; looked in /less/staging/; "
        "nothing of shop starts here"
    )
    assert said in machine.run("journalctl --boot --no-pager --output=cat -u shop-config")
    # A release that waits for this machine at its gate is told by its console.
    console = until_on_console(cloud, machine, "shop-config.service: Failed with result")
    evidence = Evidence(
        instances=(instance(machine.instance_id, tags={"spotkiln:app": "shop"}),),
        consoles={machine.instance_id: console},
    )
    verdict = Verdict(outcome=GateOutcome.FAILED, cause=Cause.FAILING_CHECK, detail="it fails")
    told = with_known_cause(verdict, evidence, target_group().health_check)
    assert "its settings DATABASE_URL, SECRET_KEY_BASE are missing" in told.advice


def test_a_role_that_may_not_read_is_told(cloud: Cloud, image: str) -> None:
    """Staging's machines cannot have production's settings."""
    sources = Configuration(parameters=("/shop/production",))
    machine = boot(cloud, image, PROFILES["staging"], sources)
    assert until_decided(machine) == "failed"
    said = machine.run("journalctl --boot --no-pager --output=cat -u shop-config")
    assert "parameters below /shop/production/ cannot be read: AccessDeniedException" in said
    assert "is not authorized to perform: ssm:GetParametersByPath" in said


def until_decided(machine: Machine, seconds: float = 120) -> str:
    deadline = time.monotonic() + seconds
    while True:
        state = machine.run("systemctl is-active shop-config || true").strip()
        if state in {"active", "failed"}:
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.5)


def until_on_console(cloud: Cloud, machine: Machine, words: str, seconds: float = 60) -> str:
    deadline = time.monotonic() + seconds
    while True:
        answer = cloud.ec2.get_console_output(InstanceId=machine.instance_id, Latest=True)
        if words in (text := str(answer["Output"])):
            return text
        assert time.monotonic() < deadline, text
        time.sleep(1)
