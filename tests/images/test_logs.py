"""A machine's journal in CloudWatch Logs: by its own role, each line once, to the last."""

import re
import tarfile
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from spotkiln.bake.logs import Logs
from spotkiln.serve.role import SERVER
from tests.images.cloud import Cloud, Machine
from tests.unit.nouns import settled

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

APP, PORT, GROUP = "teller", 8080, "/teller/production"
LINES = 1500
PROGRAM = """
require "webrick"

$stdout.sync = true
puts "teller is open"
server = WEBrick::HTTPServer.new(Port: ENV.fetch("PORT"), AccessLog: [])
server.mount_proc("/") { |_, response| response.body = "well" }
server.mount_proc("/count") do |request, _|
  %LINES%.times { |n| puts "#{request.query["round"]}.#{n} \\e[32mgrün\\e[0m" }
end
trap("TERM") { server.shutdown }
server.start
puts "teller is closed"
""".replace("%LINES%", str(LINES))


@pytest.fixture(scope="module")
def image(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp(APP)
    (folder / "teller.rb").write_text(PROGRAM)
    with tarfile.open(folder / "app.tar.gz", "w:gz") as archive:
        archive.add(folder / "teller.rb", "teller.rb")
    app = settled(
        name=APP,
        port=PORT,
        start="ruby teller.rb",
        notify=False,
        build="true",
        migrate="echo mine",
        migrate_on="each",
    )
    return cloud.bake_app(app, folder / "app.tar.gz")


def until(look: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


class Group:
    """What is in CloudWatch Logs."""

    def __init__(self, cloud: Cloud) -> None:
        environment = cloud.sandbox.environment
        self.client: Any = boto3.client(
            "logs",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    def lines(self, stream: str) -> list[str]:
        """All of a stream; none if it is not there."""
        try:
            pages = self.client.get_paginator("filter_log_events").paginate(
                logGroupName=GROUP, logStreamNamePrefix=stream
            )
            return [one["message"] for page in pages for one in page["events"]]
        except self.client.exceptions.ResourceNotFoundException:
            return []

    def streams(self) -> set[str]:
        found = self.client.describe_log_streams(logGroupName=GROUP)["logStreams"]
        return {one["logStreamName"] for one in found}


def told(machine: Machine) -> str:
    return machine.run(f"journalctl --no-pager --output=cat --unit={APP}-logs")


def test_every_line_comes_once_with_the_role_of_the_machine(cloud: Cloud, image: str) -> None:
    group, logs = Group(cloud), Logs(group=GROUP, retention_days=7)
    machine = cloud.boot(image, f"{SERVER}{logs.user_data}", profile="website")
    machine.wait_for("/", PORT)
    web = f"{APP}/web/{machine.instance_id}"
    until(lambda: "teller is open" in group.lines(web), "the first line")
    for round_ in range(4):
        machine.get(f"/count?round={round_}", PORT)
        # While it has something to write.
        machine.run(f"systemctl {'restart' if round_ % 2 else 'stop'} {APP}-logs")
        machine.run(f"systemctl start {APP}-logs")
    wrote = [f"{round_}.{n} \x1b[32mgrün\x1b[0m" for round_ in range(4) for n in range(LINES)]

    def counted() -> list[str]:
        return [line for line in group.lines(web) if re.match(r"\d+\.\d+ ", line)]

    until(lambda: len(counted()) >= len(wrote), "all lines")
    assert counted() == wrote
    found = group.client.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert [one["retentionInDays"] for one in found] == [7]
    parts = {name.split("/")[1] for name in group.streams()}
    assert {"web", "migrate", "role"} <= parts
    assert parts.isdisjoint({"logs", "console"})
    assert "mine" in group.lines(f"{APP}/migrate/")
    said = machine.run(f"systemd-analyze security --no-pager {APP}-logs.service")
    exposure = re.search(r"Overall exposure level for \S+: (\d+\.\d)", said)
    assert exposure
    assert float(exposure[1]) < 2.0
    assert machine.run(f"ps -o user= -p $(systemctl show -P MainPID {APP}-logs)").strip() != "root"
    cloud.ec2.terminate_instances(InstanceIds=[machine.instance_id])
    until(lambda: "teller is closed" in group.lines(web), "the last line")


@pytest.mark.parametrize("asked", [False, True])
def test_the_application_serves_whatever_becomes_of_its_logs(
    cloud: Cloud, image: str, asked: bool
) -> None:
    """They are not asked for; or this machine has no right to write any."""
    line = Logs(group="/elsewhere").user_data if asked else ""
    machine = cloud.boot(image, f"{SERVER}{line}")
    assert machine.wait_for("/", PORT).text == "well"
    state = machine.run(f"systemctl is-active {APP}-logs || true").strip()
    if asked:
        until(lambda: "this machine has no role" in told(machine), "told")
        assert state == "active"
    else:
        assert state == "inactive"
        assert machine.run("systemctl list-units --failed --plain --no-legend") == ""
