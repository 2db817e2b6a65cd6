"""A team's set-up on one machine: Prefect's server on Postgres behind a password, and a sandbox
with applications, each with a target group of its own."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.repositories import make_demo
from rehearsal.prefect_client import client_of
from rehearsal.prefect_local import POOL, LocalPrefect, shipped
from sandbox.client import Sandbox
from tests.reliability.truth import Account
from tests.reliability.world import MACHINES, STAND_IN
from tests.team.cluster import Cluster, path_of
from tests.team.postgres import postgres, programs

GROUPS = [f"app-{number}" for number in range(10)]
SPEED = 20.0
PASSWORD = "team:not-a-secret"
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Team:
    def __init__(
        self,
        prefect: LocalPrefect,
        box: Sandbox,
        repository: Path,
        api: httpx.Client,
        groups: Sequence[str],
    ) -> None:
        self.groups = groups
        self.prefect = prefect
        self.box = box
        self.repository = repository
        self.account = Account(box)
        self.api = api
        self.deployments: dict[str, str] = {}

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self.api.post(path, json=body).raise_for_status().json()

    def deploy(self) -> None:
        """reconcile and the automations as they are shipped; a release for each application."""
        self.prefect._run("prefect", "work-pool", "create", POOL, "--type", "process")
        self.prefect._run("prefect", "--no-prompt", "deploy", "--name", "reconcile")
        self.prefect._run("spotkiln", "automations")
        flow = self._post("/flows/", {"name": "release"})["id"]
        for group in self.groups:
            made = self._post(
                "/deployments/",
                {
                    "name": group,
                    "flow_id": flow,
                    "entrypoint": "spotkiln.flows.release.release",
                    **shipped("release"),
                    "parameters": self.parameters(group),
                },
            )
            self.deployments[group] = made["id"]

    def parameters(self, group: str) -> dict[str, Any]:
        return {
            "app": {"name": group, "repository": str(self.repository), "ref": "v1"},
            "infra": {"target_group": group},
            "gate": {"polls": 1, "boot_seconds": 60},
            "keep_versions": 2,
            "force": True,
        }

    def start(self, group: str) -> str:
        """A release; its run's id."""
        path = f"/deployments/{self.deployments[group]}/create_flow_run"
        return str(self._post(path, {})["id"])

    def runs(self, flow: str = "release") -> list[dict[str, Any]]:
        return list(
            self._post(
                "/flow_runs/filter",
                {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_ASC"},
            )
        )

    def ended(self) -> int:
        """How many releases have ended, one way or another."""
        asked = {
            "flows": {"name": {"any_": ["release"]}},
            "flow_runs": {"state": {"type": {"any_": sorted(FINAL)}}},
        }
        return int(self._post("/flow_runs/count", asked))

    def tasks(self, run: str) -> list[dict[str, Any]]:
        return list(self._post("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}}))

    def worker_of(self, run: dict[str, Any]) -> str:
        return str(run.get("labels", {}).get("prefect.worker.name", ""))

    def problems(self) -> dict[str, list[str]]:
        """All that must not be, by target group. What nobody owns is the same for all."""
        first = self.groups[0]
        looks = {
            group: self.account.look(group, whole=group == first).problems()
            for group in self.groups
        }
        return {group: found for group, found in looks.items() if found}

    def settled(self, seconds: float) -> dict[str, list[str]]:
        deadline = time.monotonic() + seconds
        while (found := self.problems()) and time.monotonic() < deadline:
            time.sleep(1)
        return found


def environment(home: Path, database: str) -> dict[str, str]:
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "SPOTKILN_HOME": str(home / "spotkiln"),
        # They are for a person, and there are thousands.
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }


@contextmanager
def team_of(
    home: Path,
    prefect: LocalPrefect,
    api: httpx.Client,
    groups: Sequence[str],
    kind: type[Team] = Team,
) -> Iterator[Team]:
    """An account with these target groups, and their deployments at a server that was told to
    start."""
    settings = {"target_groups": list(groups)}
    with Sandbox.start(
        home / "sandbox", machines="simulated", speed=SPEED, account=settings
    ) as box:
        prefect.environment.update(box.environment)
        team = kind(prefect, box, make_demo(home / "repository"), api, groups)
        box.script(**MACHINES, **STAND_IN)
        team.account.base_image()
        prefect.wait_for_server()
        team.deploy()
        yield team


@contextmanager
def cluster_of(
    home: Path, database: str, groups: Sequence[str], kind: type[Team] = Team
) -> Iterator[tuple[Cluster, Team]]:
    """Several Prefect servers behind a proxy, and such an account."""
    for program in ("redis-server", "nginx"):
        try:
            path_of(program)
        except FileNotFoundError:
            pytest.skip(f"no {program}: apt-get install {program}")
    with Cluster(home / "prefect", environment(home, database), PASSWORD) as prefect:
        prefect.start_server()
        api = client_of(prefect.address, PASSWORD, prefect.trust())
        with team_of(home, prefect, api, groups, kind) as team:
            yield prefect, team


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    if programs() is None:
        pytest.skip("no Postgres: apt-get install postgresql")
    with postgres() as address:
        yield address


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Team]:
    home = tmp_path_factory.mktemp("team")
    with ExitStack() as stack:
        own = environment(home, database)
        prefect = stack.enter_context(LocalPrefect(home / "prefect", own, 0, PASSWORD))
        prefect.start_server()
        api = client_of(prefect.address, PASSWORD)
        yield stack.enter_context(team_of(home, prefect, api, GROUPS))
