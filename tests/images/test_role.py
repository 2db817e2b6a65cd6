"""A machine that was not told to serve never has production's environment: proved with a database
that notes who comes."""

import socketserver
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotkiln.bake.errand import Ended, read_end, script_of
from spotkiln.serve.role import SERVER
from tests.images.cloud import Cloud, Machine
from tests.unit.bake.test_errand import errand
from tests.unit.nouns import settled

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

APP = "ledger"
PORT = 8080
BOOT_SECONDS = 60.0

# Says where it comes from to the database that its environment names, then serves.
PROGRAM = """
require "socket"
require "webrick"

host, port = ENV.fetch("DATABASE").split(":")
TCPSocket.open(host, port) { |database| database.puts("#{ARGV[0]} #{ENV["ONLY_HERE"]}") }
exit unless ARGV[0] == "serve"
$stdout.sync = true
puts "ledger was opened"
server = WEBrick::HTTPServer.new(Port: ENV.fetch("PORT"), AccessLog: [])
server.mount_proc("/") { |_, response| response.body = ENV.fetch("DATABASE") }
server.mount_proc("/much") { 20_000.times { |n| puts "line #{n}" } }
trap("TERM") { server.shutdown }
server.start
"""
TEST = """
test "$DATABASE" = "{database}"
! grep --recursive --no-messages {secret} /etc/ledger /run/spotkiln /srv/ledger /var/lib/ledger
ruby ledger.rb tests
echo '<testsuite tests="1"><testcase classname="a" name="b"/></testsuite>' >"$JUNIT"
"""


class Database:
    """A listener that keeps what is said to it."""

    def __init__(self, address: str) -> None:
        self.heard = heard = list[str]()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                heard.append(self.rfile.readline().decode().strip())

        self._server = socketserver.ThreadingTCPServer(("0.0.0.0", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"{address}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def production(cloud: Cloud) -> Iterator[Database]:
    database = Database(cloud.gateway)
    yield database
    database.close()


@pytest.fixture
def testing(cloud: Cloud) -> Iterator[Database]:
    database = Database(cloud.gateway)
    yield database
    database.close()


@pytest.fixture(scope="module")
def image(cloud: Cloud, production: Database, tmp_path_factory: pytest.TempPathFactory) -> str:
    tmp_path = tmp_path_factory.mktemp("ledger")
    (tmp_path / "ledger.rb").write_text(PROGRAM)
    with tarfile.open(tmp_path / "app.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "ledger.rb", "ledger.rb")
    app = settled(
        name=APP,
        port=PORT,
        environment={"DATABASE": production.address, "ONLY_HERE": "in-production"},
        build="ruby -c ledger.rb",
        migrate="ruby ledger.rb migrate",
        start="ruby ledger.rb serve",
        notify=False,
    )
    return cloud.bake_app(app, tmp_path / "app.tar.gz")


def until_decided(machine: Machine) -> str:
    """What became of the unit that finds out the role."""
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        state = machine.run(f"systemctl is-active {APP}-role || true").strip()
        if state in {"active", "failed"}:
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.5)


def test_a_candidate_never_meets_production_before_it_serves(
    cloud: Cloud, image: str, production: Database, testing: Database, tmp_path: Path
) -> None:
    assert production.heard == []
    report = tmp_path / "report"
    report.mkdir()
    done = cloud.packer(
        "test",
        {
            "source_ami": image,
            "app_name": APP,
            "port": PORT,
            "health_port": PORT,
            "health_path": "/",
            "test_environment": {"DATABASE": testing.address, "ODD": 'a $b "c" `d` \\\\e'},
            "test_setup_command": "ruby ledger.rb setup",
            "test_command": TEST.format(database=testing.address, secret=production.address),
            "report_dir": str(report),
        },
    )
    assert done.returncode == 0, done.stdout + (report / "journal.log").read_text()
    # With its own migration and its own unit, and nothing of the other environment.
    assert testing.heard == ["migrate", "serve", "setup", "tests"]
    assert production.heard == []

    for told in ("", "#cloud-config\n", SERVER + SERVER, SERVER.replace("server", "servant")):
        machine = cloud.boot(image, told)
        assert until_decided(machine) == "failed", told
        # Nor does a person start it by mistake.
        machine.run(f"! systemctl start {APP} {APP}-migrate")
        assert machine.run(f"systemctl is-active {APP} {APP}-migrate || true").split() == [
            "inactive",
            "inactive",
        ]
        assert f"nothing of {APP} starts here" in machine.run(f"journalctl -u {APP}-role")
    assert production.heard == []

    server = cloud.boot(image)
    assert server.wait_for("/", port=PORT).text == production.address
    # That is done once for all servers, on another machine.
    assert production.heard == ["serve in-production"]
    # At each boot anew.
    cloud.ec2.reboot_instances(InstanceIds=[server.instance_id])
    deadline = time.monotonic() + BOOT_SECONDS
    while len(production.heard) < 2:
        assert time.monotonic() < deadline, production.heard
        time.sleep(0.5)


def carry_out(cloud: Cloud, image: str, folder: Path, script: str, seconds: int) -> Ended:
    """One command on a machine of its own, as a release and `spotkiln run` do it."""
    group = cloud.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    (folder / "report").mkdir(parents=True)
    (folder / "command").write_text(script)
    variables = {
        "source_ami": image,
        "app_name": APP,
        "security_group_ids": [group],
        "command_file": str(folder / "command"),
        "seconds": seconds,
        "report_dir": str(folder / "report"),
    }
    done = cloud.packer("task", variables)
    assert done.returncode == 0, done.stdout
    ended = read_end(folder / "report", errand(app=APP, seconds=seconds))
    texts = [one.read_text() for one in (folder / "report").iterdir()]
    assert ended, "\n".join([done.stdout, *texts])
    return ended


def test_one_command_with_what_production_has_and_nothing_that_serves(
    cloud: Cloud, image: str, production: Database, tmp_path: Path
) -> None:
    production.heard.clear()
    ended = carry_out(cloud, image, tmp_path / "migrate", "ruby ledger.rb migrate\n", 60)
    assert ended.code == 0
    assert production.heard == ["migrate in-production"]
    # Exactly these arguments, by the application's user, in its folder; what it says comes home.
    script = script_of(["ruby", "-e", "puts ARGV.inspect, Dir.pwd; exit 3", "a b", "$HOME", "it's"])
    ended = carry_out(cloud, image, tmp_path / "run", script, 60)
    assert (ended.code, ended.why) == (3, "it ended with exit status 3")
    assert ended.last_lines == '["a b", "$HOME", "it\'s"]\n/srv/ledger'
    whoami = "id -un; touch REVISION || true; systemctl is-active ledger || true\n"
    ended = carry_out(cloud, image, tmp_path / "who", whoami, 60)
    assert ended.last_lines.splitlines() == [
        "webapp", "touch: cannot touch 'REVISION': Read-only file system", "inactive"
    ]  # fmt: skip
    ended = carry_out(cloud, image, tmp_path / "slow", "echo begun\nsleep 900\n", 5)
    assert (ended.code, ended.last_lines) == (124, "begun")
    assert production.heard == ["migrate in-production"]


def test_the_last_lines_are_on_the_console(cloud: Cloud, image: str, production: Database) -> None:
    """As EC2 shows it: what a machine writes there, and not its journal."""
    server = cloud.boot(image)
    server.wait_for("/", port=PORT)

    def console() -> str:
        return str(
            cloud.ec2.get_console_output(InstanceId=server.instance_id, Latest=True)["Output"]
        )

    def until_shown(text: str) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while text not in console():
            assert time.monotonic() < deadline, console()
            time.sleep(1)

    until_shown("ledger was opened")
    until_shown("this machine is a server")
    # Of much, the end: a console is slow.
    server.get("/much", port=PORT)
    until_shown("line 19999")
    assert "line 10000" not in console()
    # The database goes, and with it the next start.
    production.close()
    server.run(f"systemctl restart {APP} || true")
    until_shown("Connection refused")
    until_shown("Start request repeated too quickly")
