"""Stage: what the scenes play on, and how one is played: told, timed, its requests counted."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from subprocess import SubprocessError
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from httpx import HTTPError

from rehearsal.machine import Machines
from rehearsal.prefect_client import client_of
from rehearsal.prefect_local import shipped
from rehearsal.runs import Runs
from rehearsal.seen import End, Scene, Server
from rehearsal.services import Service
from rehearsal.traffic import Load, Traffic
from rehearsal.veil import veiled_in
from rehearsal.watch import Watch
from rehearsal.world import Say, World
from sandbox.client import SandboxError
from spotkiln.bake.app import App
from spotkiln.errors import SpotkilnError
from spotkiln.noun import Noun

# By flow, what it does not know of the parameters: nothing is tested on the way back.
FLOWS: dict[str, set[str]] = {"release": set(), "rollback": {"test_configuration"}}


SomeNoun = TypeVar("SomeNoun", bound=Noun)
# What breaks on the way to machines, Prefect, AWS and git.
BREAKS = (
    SpotkilnError,
    SandboxError,
    RuntimeError,
    OSError,
    HTTPError,
    BotoCoreError,
    ClientError,
    SubprocessError,
)


class Failed(Exception):
    """A scene did not end as it should; says what was seen."""


class Skipped(Exception):
    """A scene cannot be played; says why."""


@dataclass
class Stage:
    """`real`: with machines that can be looked into. `load` is there from the first release on.
    `hidden` are values that nobody may read in what is seen: they are taken out before anything is
    shortened, for a part of one would not be found."""

    world: World
    app: App
    real: bool
    say: Say
    machines: Machines
    services: list[Service] = field(default_factory=list)
    hidden: Sequence[str] = ()
    watch: Watch | None = None
    load: Load | None = None
    servers: dict[str, Server] = field(default_factory=dict)
    scenes: list[Scene] = field(default_factory=list)
    stopped: float | None = None
    sick_without: list[str] = field(default_factory=list)

    @property
    def targets(self) -> Watch:
        assert self.watch is not None
        return self.watch

    @property
    def runs(self) -> Runs:
        return Runs(self.world.prefect.address, self.world.prefect.password)

    def look(self, instance: str) -> Server:
        """From the inside. What is seen last is kept: a journal has what was before, too."""
        found = self.clear(self.machines.look(instance, self.app.name, self.app.user))
        self.targets.tell(found)
        self.servers[instance] = found
        return found

    def clear(self, seen: SomeNoun) -> SomeNoun:
        """Without a hidden value."""
        return type(seen).model_validate(veiled_in(seen.model_dump(), self.hidden))

    def until(self, what: str, seconds: float, done: Callable[[], bool]) -> float:
        """How long it took.

        Raises:
            Failed: it did not come.
        """
        begin = time.monotonic()
        while not done():
            if time.monotonic() - begin > seconds:
                raise Failed(f"expected {what} within {seconds:.0f} s")
            time.sleep(0.5)
        return time.monotonic() - begin


@dataclass(frozen=True)
class Played:
    """How a scene went. `tolerated`: see Scene."""

    told: str = ""
    tolerated: float = 0.0


def judge(name: str, seconds: float, played: Played, traffic: Traffic | None) -> Scene:
    """A scene that was played to its end."""
    late = traffic is not None and traffic.last is not None and traffic.last > played.tolerated
    told = [played.told] if played.told else []
    if traffic is not None and late and played.tolerated:
        told.append(f"requests failed until {traffic.last:.0f} s after its begin")
    return Scene(
        name=name,
        end=End.FAILED if late else End.WELL,
        told="; ".join(told),
        seconds=round(seconds, 1),
        traffic=traffic,
        tolerated=played.tolerated,
    )


def play(stage: Stage, name: str, scene: Callable[[Stage], Played]) -> Scene:
    """Play it, and tell how it ended. Whatever fails in it is its end, and not the rehearsal's."""
    stage.say(f"  {name} ...")
    begin = time.monotonic()
    try:
        played = scene(stage)
        seconds = time.monotonic() - begin
        found = judge(name, seconds, played, stage.load.of(begin) if stage.load else None)
    except Skipped as why:
        found = Scene(name=name, end=End.SKIPPED, told=str(why))
    except (Failed, *BREAKS) as error:
        seconds = time.monotonic() - begin
        traffic = stage.load.of(begin) if stage.load else None
        found = Scene(name=name, end=End.FAILED, told=str(error), seconds=seconds, traffic=traffic)
    stage.scenes.append(found := stage.clear(found))
    tell(stage.say, found)
    return found


def tell(say: Say, scene: Scene) -> None:
    words = " ".join(scene.told.split())
    words = words if len(words) <= 300 else words[:297] + "..."
    requests = ""
    if scene.traffic is not None:
        requests = f"  {scene.traffic.failed} of {scene.traffic.sent} requests failed"
    say(f"  {scene.name:<40}{scene.end.value:<11}{scene.seconds:5.0f} s{requests}")
    if words:
        say(f"        {words}")
    if scene.traffic is not None:
        for why in scene.traffic.why[:3]:
            say(f"        failed: {why}")


def deploy(stage: Stage, parameters: dict[str, Any]) -> None:
    """`release/NAME` and `rollback/NAME`, as prefect.yaml has those of an application."""
    prefect = stage.world.prefect
    with client_of(prefect.address, prefect.password) as api:
        for flow, unknown in FLOWS.items():
            made = api.post("/flows/", json={"name": flow}).raise_for_status().json()
            api.post(
                "/deployments/",
                json={
                    "name": stage.app.name,
                    "flow_id": made["id"],
                    "entrypoint": f"spotkiln.flows.{flow}.{flow}",
                    **shipped(flow),
                    "parameters": {k: v for k, v in parameters.items() if k not in unknown},
                },
            ).raise_for_status()
