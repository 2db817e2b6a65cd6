"""A database that goes down under real machines, during a release and during a rollback: what
serves and what is to serve both say so, no version is lost, and all is well when it is back."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests.release.pages import page
from tests.reliability.conftest import long
from tests.reliability.load import Load
from tests.reliability.moments import GATE
from tests.reliability.test_real_machines import GROUPS, docker_answers
from tests.reliability.world import World, without_release_only

pytestmark = [
    pytest.mark.docker,
    pytest.mark.real,
    pytest.mark.prefect,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not docker_answers(), reason="no Docker or no Packer: no real machines"),
]

# Asked by the load balancer the application needs its database; the machine's own check, and the
# tests in it, do without.
HEALTH = """# Asked by the load balancer and on every deploy.
class HealthController < ApplicationController
  def show
    Note.connection.select_value("SELECT 1")
    if request.user_agent.to_s.start_with?("ELB-HealthChecker")
      host, port = ENV.fetch("DATABASE").split(":")
      Socket.tcp(host, port.to_i, connect_timeout: 1).close
    end
    render plain: "ok"
  end
end
"""


class Database:
    """Something that listens, outside of all machines."""

    def __init__(self, host: str) -> None:
        self._host, self._port = host, 0
        self._socket: socket.socket | None = None

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    def up(self) -> None:
        self._socket = socket.create_server((self._host, self._port), backlog=64)
        self._port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, args=[self._socket], daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                listening.accept()[0].close()
            except OSError:
                return

    def down(self) -> None:
        if self._socket:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()


def commit_dependent(repository: Path) -> str:
    """A branch whose health depends on the database; its name."""

    def git(*words: str) -> None:
        who = ["-c", "user.name=Demo", "-c", "user.email=demo@example.com"]
        subprocess.run(["git", "-C", str(repository), *who, *words], check=True)

    git("checkout", "--quiet", "-b", "dependent", "v1")
    (repository / "app/controllers/health_controller.rb").write_text(HEALTH)
    git("commit", "--quiet", "--all", "--message", "Need a database")
    git("checkout", "--quiet", "v1")
    return "dependent"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path / "world", machines="docker", account=GROUPS) as world:
        yield world
    shutil.rmtree(tmp_path / "world", ignore_errors=True)


def released(world: World) -> set[str]:
    return {str(one["ImageId"]) for one in world.account.released_images()}


def wait_for(world: World, healthy: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while len(world.account.look().healthy) != healthy:
        assert time.monotonic() < deadline, world.account.look()
        time.sleep(0.5)


@long
def test_a_database_down_during_a_release_and_a_rollback(world: World) -> None:
    dependent = commit_dependent(world.repository)
    first = world.start("v1", gate=GATE, keep_versions=5).result(900)
    assert first["outcome"] == "released", first
    # The host, as the machines see it: their network's first address.
    machine = world.account.instances(first["fleet"])[0]["PrivateIpAddress"]
    with Database(f"{machine.rpartition('.')[0]}.1") as database:
        made = []
        for variant in ("one", "two"):
            parameters = world.parameters(dependent, variant, gate=GATE, keep_versions=5)
            parameters["app"]["environment"]["DATABASE"] = database.address
            made.append(world.zygote.start("release", parameters).result(900))
            assert made[-1]["outcome"] == "released", made[-1]
        before, serving = released(world), made[1]["fleet"]
        back: dict[str, Any] = without_release_only(
            world.parameters(dependent, gate=GATE, keep_versions=5)
        )
        back["version"] = made[0]["image"]
        with Load(world.box.load_balancer("website")) as load:
            time.sleep(2)
            assert load.take_failures() == []
            database.down()
            for flow, given in (("release", parameters), ("rollback", back)):
                failed = world.zygote.start(flow, given).result(600)
                text = str(failed.get("error"))
                assert text.startswith("GateFailed: the new servers did not pass the gate: out"), (
                    flow,
                    failed,
                )
                assert released(world) == before
                # In the application's own words, brought to the console by the image's units.
                assert "ECONNREFUSED" in page(world, "evidence-"), flow
                assert world.account.look().fleet == serving
            database.up()
            wait_for(world, 2)
            # With all of them unhealthy the load balancer asks all, also those that only boot.
            load.take_failures()
            result = world.zygote.start("rollback", back).result(600)
            assert result["outcome"] == "released", result
            assert result["image"] == made[0]["image"]
            assert load.take_failures() == []
    assert released(world) == before
    assert world.settled(patience_seconds=60).problems() == []
