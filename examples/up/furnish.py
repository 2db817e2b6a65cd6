"""Furnish: the sandbox has the target groups, security groups and instance profiles that Prefect's
deployments name, also those that are deployed later."""

import time
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Any

from examples.up.wanted import Wanted, joined, wanted
from rehearsal.prefect_client import client_of
from rehearsal.prefect_local import ROOT
from sandbox.client import Sandbox, SandboxError
from sandbox.infrastructure import Infrastructure
from spotkiln.start.deployment import RELEASE

Say = Callable[[str], None]
# An application's own files may change which port it listens on.
READ_SECONDS = 10
LISTENS_SECONDS = 5


class Furnisher:
    def __init__(self, box: Sandbox, address: str, password: str, say: Say) -> None:
        self._box = box
        self._infrastructure = Infrastructure(box)
        self._prefect = client_of(address, password)
        self._say = say
        self._deployed: list[dict[str, Any]] | None = None
        self._read = 0.0
        self._done: set[Hashable] = set()

    def look(self, root: Path = ROOT) -> None:
        """Make what is missing. What cannot be made is told, once."""
        asked = {"flows": {"name": {"any_": [RELEASE]}}, "sort": "NAME_ASC"}
        answer = self._prefect.post("/deployments/filter", json=asked).raise_for_status().json()
        deployed = [one["parameters"] for one in answer]
        if deployed == self._deployed and time.monotonic() - self._read < READ_SECONDS:
            return
        self._deployed, self._read = deployed, time.monotonic()
        self.furnish([one for one in (wanted(x, root) for x in deployed) if one is not None])

    def furnish(self, asked: list[Wanted]) -> None:
        put = self._infrastructure
        for name in sorted({name for one in asked for name in one.security_groups}):
            self._once(f"security group {name}", name, partial(put.put_security_group, name))
        for profile in joined(profile for one in asked for profile in one.profiles):
            what = f"instance profile {profile.name}"
            self._once(what, profile, partial(put.put_profile, profile))
        # The first that names it says where its servers listen.
        first = {one.group.name: one for one in reversed(asked)}
        for one in first.values():
            self._once(f"target group {one.group.name}", one.group, partial(self._group, one))

    def _group(self, one: Wanted) -> str:
        group = one.group
        if one.guessed and group.name in self._infrastructure.groups():
            return ""
        done = self._infrastructure.put_group(group)
        if not done:
            return ""
        where = f"port {group.port}, health at {group.path}, {self._address(group.name)}"
        if one.guessed:
            where += (
                "; its application is not on this machine: if it listens elsewhere, `sandbox "
                f"target-group {group.name} --port … --path …`"
            )
        return f"{done}: {where}"

    def _address(self, name: str) -> str:
        """Of its listener, which comes a moment later."""
        deadline = time.monotonic() + LISTENS_SECONDS
        while (address := self._box.load_balancers().get(name)) is None:
            if time.monotonic() > deadline:
                return "no address yet"
            time.sleep(0.1)
        return address

    def _once(self, what: str, key: Hashable, put: Callable[[], str]) -> None:
        if key in self._done:
            return
        self._done.add(key)
        try:
            done = put()
        except SandboxError as error:
            done = str(error)
        if done:
            self._say(f"{what}: {done}")
