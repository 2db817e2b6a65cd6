"""What the scenes do to machines, and how they end. The machines say only what is expected."""

import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from httpx import ReadTimeout

from rehearsal import scenes
from rehearsal.machine import Machines, NotThere
from rehearsal.page import page
from rehearsal.prefect_local import LocalPrefect
from rehearsal.seen import End
from rehearsal.services import Service
from rehearsal.stage import Failed, Played, Skipped, Stage, play
from rehearsal.watch import Watch
from rehearsal.world import World
from sandbox.client import Sandbox
from spotkiln.bake.app import App
from spotkiln.bake.processes import Process
from spotkiln.errors import InputError
from tests.unit.rehearsal.subjects import APP, seen

WORKER = """memory\tshop-worker.service\t1
state\tshop-worker.service\tType\texec
state\tshop-worker.service\tSubState\trunning
"""
REDIS = Service(name="redis", instance="i-9", host="10.0.0.9", password="x")


class Scripted(Machines):
    """`said` by instance is what look.sh says there; a killed unit has another process at once."""

    def __init__(self, said: dict[str, str]) -> None:
        self.said = said
        self.ran: list[tuple[str, str]] = []

    def run(self, instance: str, script: str, *arguments: str, seconds: float = 0) -> str:
        if arguments:
            return self.said[instance]
        self.ran.append((instance, script.strip()))
        killed = any("SIGKILL" in told for _, told in self.ran)
        return "active\n" + ("200" if killed else "100")


class Targets(Watch):
    def __init__(self, states: dict[str, str], *, sick: bool = False) -> None:
        self._app, self._started = APP, {}
        self._states, self._were_sick = states, sick

    def health(self) -> dict[str, str]:
        return self._states

    def sick_since(self, begin: float) -> bool:
        return self._were_sick


def stage(machines: Machines, watch: Watch, app: App = APP, *, real: bool = True) -> Stage:
    box = Sandbox(
        Path(), {"control": "http://127.0.0.1:9", "environment": {"AWS_ACCESS_KEY_ID": ""}}
    )
    world = World(LocalPrefect(Path(), {}, 0), box)
    return Stage(world, app, real, lambda _: None, machines, watch=watch)


WITH_WORKER = APP.model_copy(update={"processes": {"worker": Process(start="work")}})
BOTH = {"i-1": "healthy", "i-2": "healthy"}


def test_a_worker_is_killed_on_the_server_that_has_it() -> None:
    machines = Scripted({"i-1": "", "i-2": WORKER})
    told = scenes.kill_worker(stage(machines, Targets(BOTH), WITH_WORKER)).told
    assert told.startswith("shop-worker.service was back after")
    assert ("i-2", "systemctl kill --signal=SIGKILL shop-worker.service") in machines.ran
    assert {instance for instance, _ in machines.ran} == {"i-2"}


def test_a_worker_that_runs_nowhere_is_a_failure() -> None:
    machines = Scripted({"i-1": "", "i-2": ""})
    with pytest.raises(Failed, match="none of its processes runs"):
        scenes.kill_worker(stage(machines, Targets(BOTH), WITH_WORKER))
    with pytest.raises(Failed, match="none of its processes runs"):
        scenes.kill_worker(stage(machines, Targets({}), WITH_WORKER))


def test_without_workers_or_real_machines_none_is_killed() -> None:
    machines = Scripted({"i-1": WORKER, "i-2": WORKER})
    with pytest.raises(Skipped, match="no processes beside"):
        scenes.kill_worker(stage(machines, Targets(BOTH)))
    with pytest.raises(Skipped, match="real machines"):
        scenes.kill_worker(stage(machines, Targets(BOTH), WITH_WORKER, real=False))
    assert machines.ran == []


@pytest.mark.parametrize("sick", [True, False])
def test_a_service_is_stopped_and_started_and_who_suffered_is_told(
    monkeypatch: pytest.MonkeyPatch, sick: bool
) -> None:
    for name in ("AWAY_SECONDS", "BACK_SECONDS"):
        monkeypatch.setattr(scenes, name, 0.01)
    machines = Scripted({})
    on = stage(machines, Targets(BOTH, sick=sick))
    played = scenes.lose(REDIS)(on)
    assert machines.ran == [
        ("i-9", "systemctl stop rehearsal-redis.service"),
        ("i-9", "systemctl start rehearsal-redis.service"),
    ]
    assert on.sick_without == (["redis"] if sick else [])
    assert played.tolerated > 0.01


def test_servers_that_stay_unhealthy_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWAY_SECONDS", "BACK_SECONDS", "SETTLED_SECONDS"):
        monkeypatch.setattr(scenes, name, 0.01)
    targets = Targets({"i-1": "healthy", "i-2": "unhealthy"})
    with pytest.raises(Failed, match="all servers to be healthy again"):
        scenes.lose(REDIS)(stage(Scripted({}), targets))


REFUSED = ClientError({"Error": {"Code": "Throttling", "Message": "slow"}}, "DescribeTargetHealth")


@pytest.mark.parametrize(
    "error",
    [
        NotThere("i-1 has no machine"),
        ReadTimeout("Prefect did not answer"),
        REFUSED,
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
        subprocess.CalledProcessError(1, ["git"]),
        InputError("`git commit-tree` failed"),
    ],
)
def test_whatever_breaks_in_a_scene_is_its_end_and_not_the_rehearsals(error: Exception) -> None:
    def breaks(_: Stage) -> Played:
        raise error

    on = stage(Scripted({}), Targets(BOTH))
    found = play(on, "it breaks", breaks)
    assert (found.end, found.told) == (End.FAILED, str(error))
    assert on.scenes == [found]


def test_a_value_is_taken_out_before_a_line_is_shortened(tmp_path: Path) -> None:
    """A part of one would not be found any more."""
    value = "k3y-" + "0123456789" * 4
    line = f"EROFS: {'x' * 270} {value}"
    said: list[str] = []
    on = stage(Scripted({"i-1": f"denied\tshop.service\t{line}\n"}), Targets(BOTH))
    on.say, on.hidden = said.append, [value]

    def fails(_: Stage) -> Played:
        raise Failed(line)

    on.look("i-1")
    play(on, "it fails", fails)
    told = page(seen(scenes=tuple(on.scenes), servers=tuple(on.servers.values())))
    assert "EROFS: xxx" in told
    assert "EROFS: xxx" in "".join(said)
    assert "k3y" not in told + "".join(said)
