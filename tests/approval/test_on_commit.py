"""A deployment tells the host of its repository: of a release that serves, and of one that was
killed and could not tell it itself."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.runs import Runs
from spotkiln.release.on_commit import NOTE
from tests.approval.test_approval import DEPLOYMENT, named
from tests.cli.test_worker import until, until_ended
from tests.reliability.world import World
from tests.unit.hosts.standin import TOKEN, GitHub, served

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(900)]


class AnyCommit(GitHub):
    """It knows every commit."""

    def answer(self, method: str, path: str, headers: Any, body: dict[str, Any]) -> tuple[int, Any]:
        if "/statuses/" in path:
            self.commit = path.rpartition("/")[2]
        return super().answer(method, path, headers, body)


@pytest.fixture
def host() -> Iterator[tuple[AnyCommit, str]]:
    made = AnyCommit("")
    with served(made) as api:
        yield made, api


def make_secret(world: World) -> None:
    block = world.api.get("/block_types/slug/secret").raise_for_status().json()
    schemas = world.api.post(
        "/block_schemas/filter",
        json={"block_schemas": {"block_type_id": {"any_": [block["id"]]}}},
    )
    world.api.post(
        "/block_documents/",
        json={
            "name": "host-token",
            "data": {"value": TOKEN},
            "block_type_id": block["id"],
            "block_schema_id": schemas.raise_for_status().json()[0]["id"],
        },
    )


def told_to(api: str) -> dict[str, str]:
    return {
        "secret": "host-token", "host": "github", "api": api, "repository": "team/shop",
        "environment": "production",
    }  # fmt: skip


def noted(world: World, run: str) -> str:
    """What it keeps for whoever settles it."""
    return world.api.get(f"/flow_runs/{run}/input/{NOTE}").text.replace("\\", "")


def everything_of(world: World, run: str) -> str:
    """All that Prefect tells of a run: itself, its states, its log, its artifacts, its events."""
    asked = {"flow_runs": {"id": {"any_": [run]}}}
    found = [
        world.api.get(f"/flow_runs/{run}").text,
        world.api.get("/flow_run_states/", params={"flow_run_id": run}).text,
        world.api.post("/logs/filter", json={"logs": {"flow_run_id": {"any_": [run]}}}).text,
        world.api.post("/artifacts/filter", json=asked).text,
        world.api.post("/task_runs/filter", json=asked).text,
    ]
    assert all(run in one for one in found)
    return "".join(found)


def test_a_release_that_serves_and_one_that_is_killed(
    world: World, runs: Runs, worker: "subprocess.Popen[bytes]", host: tuple[AnyCommit, str]
) -> None:
    made, api = host
    make_secret(world)
    asked = world.parameters("v1", "told", on_commit=told_to(api), keep_versions=9)
    good = runs.start(DEPLOYMENT, asked)
    until_ended(runs, good, 240)
    assert named(world, good) == "Released", runs.state(good)
    assert made.states() == ["pending", "success"]
    assert made.states(made.deployments[40]) == ["in_progress", "success"]
    assert good in made.statuses[-1]["target_url"]
    assert TOKEN not in everything_of(world, good)

    killed = world.start("v2", "killed", on_commit=told_to(api), keep_versions=9)
    until(lambda: made.states()[2:] == ["pending"], 120, made.states())
    # What is made there is known to whoever settles it a moment later.
    until(lambda: '"deployment":"41"' in noted(world, killed.run), 60, made.states())
    killed.kill()
    world.report_crashed(killed)
    world.reconcile()
    assert made.states()[2:] == ["pending", "error"]
    assert made.states(made.deployments[41]) == ["in_progress", "inactive"]
    assert "lost with its process" in made.statuses[-1]["description"]
    found = world.api.get(f"/flow_runs/{killed.run}").raise_for_status().json()
    assert "on-commit:pending" not in found["tags"]
