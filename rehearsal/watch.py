"""Watch: the lives of servers as the load balancer sees them, and what they need of memory."""

import threading
import time
from contextlib import suppress
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.account import TARGET_GROUP, client, instances_of
from rehearsal.machine import Machines, NotThere
from rehearsal.prefect_client import trusting
from rehearsal.seen import Life, Server, most
from sandbox.client import Sandbox, SandboxError
from spotkiln.bake.app import App

LOOK_SECONDS = 0.4
MEMORY_SECONDS = 5.0


class _Thread:
    """Does the same again and again, until it is told to stop."""

    every: float

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def look(self) -> None:
        raise NotImplementedError

    def _go_on(self) -> None:
        while not self._over.wait(self.every):
            # What it asks may be just going, or ending.
            with suppress(BotoCoreError, ClientError, SandboxError, NotThere, httpx.HTTPError):
                self.look()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)


class Watch(_Thread):
    """Of the target group of the application. With `real` machines it asks each server itself,
    too."""

    every = LOOK_SECONDS

    def __init__(self, box: Sandbox, app: App, *, real: bool) -> None:
        super().__init__()
        self._ec2, self._elb = client(box, "ec2"), client(box, "elbv2")
        self._app, self._real = app, real
        group = self._elb.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"][0]
        self._group = group["TargetGroupArn"]
        self._seen: dict[str, float] = {}
        self._answered: dict[str, float] = {}
        self._targets: set[str] = set()
        self._draining: dict[str, float] = {}
        self._gone: dict[str, float] = {}
        self._sick: list[tuple[float, str]] = []
        self._started: dict[str, float] = {}

    def health(self) -> dict[str, str]:
        """The state of each target, by instance."""
        described = self._elb.describe_target_health(TargetGroupArn=self._group)
        return {
            one["Target"]["Id"]: one["TargetHealth"]["State"]
            for one in described["TargetHealthDescriptions"]
        }

    def healthy(self) -> list[str]:
        return sorted(one for one, state in self.health().items() if state == "healthy")

    def look(self) -> None:
        states, now = self.health(), time.monotonic()
        self._targets |= states.keys()
        for one, state in states.items():
            if state == "draining":
                self._draining.setdefault(one, now)
            elif state == "unhealthy":
                self._sick.append((now, one))
        for one in self._draining.keys() - states.keys():
            self._gone.setdefault(one, now)
        for instance in instances_of(self._ec2):
            if instance["State"]["Name"] in {"pending", "running"}:
                self._see(instance)

    def _see(self, instance: dict[str, Any]) -> None:
        one = instance["InstanceId"]
        self._seen.setdefault(one, time.monotonic())
        address = instance.get("PrivateIpAddress")
        if not self._real or one in self._answered or one not in self._targets or not address:
            return
        url = f"http://{address}:{self._app.health_port}{self._app.health_path}"
        with suppress(httpx.HTTPError):
            answer = httpx.get(url, timeout=1, trust_env=False, verify=trusting(url))
            if answer.is_success:
                self._answered[one] = time.monotonic()

    def sick_since(self, begin: float) -> bool:
        """Whether a target was unhealthy that had been healthy."""
        return any(at >= begin for at, _ in self._sick)

    def tell(self, server: Server) -> None:
        """What was seen of a server from the inside."""
        at = server.started(f"{self._app.name}.service")
        if at is not None:
            self._started.setdefault(server.instance, at)

    def lives(self) -> tuple[Life, ...]:
        return tuple(
            Life(
                instance=one,
                boot=_apart(self._seen.get(one), self._answered.get(one)),
                start=_apart(self._started.get(one), self._answered.get(one)),
                drain=_apart(self._draining.get(one), self._gone.get(one)),
            )
            for one in sorted(self._targets)
        )


def _apart(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(max(end - begin, 0), 1)


class Scales(_Thread):
    """The most memory that the units of any healthy server have had."""

    every = MEMORY_SECONDS

    def __init__(self, machines: Machines, watch: Watch, app: App) -> None:
        super().__init__()
        self._machines, self._watch, self._app = machines, watch, app
        self.most: dict[str, int] = {}

    def look(self) -> None:
        for one in self._watch.healthy():
            with suppress(NotThere):
                had = self._machines.memory(one, self._app.name, self._app.user)
                self.most = most([self.most, had])
