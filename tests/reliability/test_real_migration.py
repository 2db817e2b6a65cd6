"""One migration for two servers, and one command, with everything real: Packer, machines that boot
systemd, and a database that notes who comes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.images.cloud import Cloud
from tests.images.test_role import Database
from tests.reliability.test_real_machines import pytestmark
from tests.reliability.world import World

__all__ = ["pytestmark"]
GROUP: dict[str, Any] = {
    "name": "ledger", "port": 8080, "path": "/", "interval": 5, "deregistration_delay": 3
}  # fmt: skip
# Says to the database that its environment names where it comes from.
PROGRAM = """
require "socket"
require "webrick"

def tell(what)
  host, port = ENV.fetch("DATABASE", "").split(":")
  TCPSocket.open(host, port) { |database| database.puts(what) } if host
end

tell(ARGV[0])
abort "PG::DuplicateTable: notes" if ARGV[0] == "migrate" && ENV["BROKEN"]
exit unless ARGV[0] == "serve"
server = WEBrick::HTTPServer.new(Port: ENV.fetch("PORT"), AccessLog: [])
server.mount_proc("/") { |_, response| response.body = "ledger" }
trap("TERM") { server.shutdown }
server.start
"""
SAID = """
build: ruby -c ledger.rb
test: echo '<testsuite tests="1"><testcase classname="a" name="b"/></testsuite>' >"$JUNIT"
migrate: ruby ledger.rb migrate
start: ruby ledger.rb serve
port: 8080
health_path: /
test_environment: {ONLY: tests}
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("migration")
    with World(home, machines="docker", account={"target_groups": [GROUP]}) as world:
        yield world


@pytest.fixture
def database(real: World, tmp_path: Path) -> Iterator[Database]:
    database = Database(Cloud(real.box, tmp_path).gateway)
    yield database
    database.close()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    (folder / "ledger.rb").write_text(PROGRAM)
    (folder / "spotkiln.yaml").write_text(SAID)
    (folder / "db" / "migrate").mkdir(parents=True)
    (folder / "db" / "migrate" / "1_first.rb").write_text("# the first\n")
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-qm", "A ledger"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return folder


def asked(repository: Path, **environment: str) -> dict[str, Any]:
    app = {"name": "ledger", "repository": str(repository), "environment": environment}
    return {
        "app": app,
        "infra": {"target_group": "ledger"},
        "gate": {"polls": 1},
        "fleet": {"capacity": 2},
    }


def test_one_migration_for_two_servers_and_one_command(
    real: World, database: Database, repository: Path
) -> None:
    environment = {"DATABASE": database.address, "ONLY": "production"}
    process = real.zygote.start("release", asked(repository, **environment))
    made = process.result(600)
    assert made.get("outcome") == "released", process.tail(80)
    # Neither the test nor a server migrates there, and the migration comes first.
    assert database.heard == ["migrate", "serve", "serve"]
    assert real.settled("ledger").problems() == []

    command = ["ruby", "-e", "puts ENV['ONLY'], ARGV.inspect; exit 7", "a b", "$HOME"]
    given = {"app": "ledger", "command": command, "infra": {"target_group": "ledger"}}
    process = real.zygote.start("run", given)
    assert "it ended with exit status 7" in process.result(300)["error"], process.tail(80)
    assert "- production" in process.log()
    assert '["a b", "$HOME"]' in process.log()
    assert database.heard == ["migrate", "serve", "serve"]
    assert real.settled("ledger").problems() == []

    # Red: what serves serves on, and its last words are told.
    broken = asked(repository, **environment, BROKEN="1")
    process = real.zygote.start("release", broken)
    ended = process.result(600)["error"]
    assert ended.startswith("MigrationFailed: the migration did not end well"), process.tail(80)
    assert "PG::DuplicateTable: notes" in ended
    assert database.heard == ["migrate", "serve", "serve", "migrate"]
    assert real.settled("ledger").fleet == made["fleet"]
    assert real.settled("ledger").problems() == []
