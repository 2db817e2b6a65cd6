"""One migration for a release: on a machine of its own, before any server is asked for."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.release.pages import page
from tests.reliability.flow_process import FlowProcess
from tests.reliability.world import MACHINES, STAND_IN, World, without_release_only

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]
ONCE = {"migrate_on": "once"}
SECOND = "db/migrate/20240201000000_add_author.rb"


def start(world: World, ref: str = "v1", variant: str = "", **app: Any) -> FlowProcess:
    given = world.parameters(ref, variant, even_if_held=True)
    given["app"] |= ONCE | app
    return world.zygote.start("release", given)


def migrators(world: World) -> list[dict[str, Any]]:
    """The machines that ever migrated, as they were asked for."""
    found = []
    for call in world.box.calls():
        if call["operation"] == "RunInstances" and not call["error"]:
            text = str(call["parameters"])
            if "'spotkiln:role'" in text and "'migration'" in text:
                found.append(call)
    return found


def wait_for_migration(world: World, process: FlowProcess) -> None:
    deadline = time.monotonic() + 60
    while "task: it begins" not in process.log() and "[stand-in] " not in process.log():
        assert time.monotonic() < deadline, process.tail()
        assert not process.ended.is_set(), process.tail()
        time.sleep(0.05)
    deadline = time.monotonic() + 60
    while not migrators(world):
        assert time.monotonic() < deadline, process.tail()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def served(started: World) -> str:
    """What serves while others fail. Each server migrates itself where the database is on its disk,
    as the demo's own config/database.yml tells."""
    started.box.clear_calls()
    made = started.release("v1", "each")
    assert made["outcome"] == "released"
    assert migrators(started) == []
    text = page(started, "release-")
    assert "- **database**: each server migrates before it starts" in text
    return str(made["fleet"])


@pytest.fixture
def slow(world: World) -> Iterator[World]:
    world.box.script(**{**MACHINES, **STAND_IN, "task_seconds": 1200})
    yield world


def test_once_before_the_servers_are_asked_for(world: World) -> None:
    made = start(world, "v1", "once").result()
    assert made["outcome"] == "released", made
    [migrator] = migrators(world)
    order = [
        x["n"]
        for x in world.box.calls()
        if x["operation"] == "RequestSpotFleet" and "True" not in str(x["parameters"].get("DryRun"))
    ]
    assert migrator["n"] < min(order)
    asked = migrator["parameters"]
    # As the servers: their profile, and their groups beside the one that lets Packer in.
    assert "website" in str(asked["IamInstanceProfile"])
    assert len(set(re.findall(r"\bsg-[0-9a-f]+", str(asked)))) == 3
    assert "bundle exec rails" not in str(asked)
    assert world.settled().problems() == []
    found = page(world, "release-")
    assert "- **database**: migrated once, before servers are asked for" in found
    assert "migrate " in found

    # What has served there before is migrated; whoever means it migrates again.
    back = world.zygote.start(
        "release", {**world.parameters("v1", "once", force=False), "app": {
            **world.parameters("v1", "once")["app"], **ONCE}}
    ).result()  # fmt: skip
    assert back["outcome"] == "unchanged"
    assert len(migrators(world)) == 1
    assert start(world, "v1", "once").result()["outcome"] == "released"
    assert len(migrators(world)) == 2


def test_a_red_one_launches_nothing(world: World, served: str) -> None:
    world.box.clear_calls()
    world.box.script(
        **{**MACHINES, **STAND_IN, "task_status": 1, "task_output": ["PG::DuplicateTable: notes"]}
    )
    process = start(world, "v2", "red migration")
    ended = process.result()
    assert ended["error"].startswith("MigrationFailed: the migration did not end well: it ended")
    assert len(migrators(world)) == 1
    assert not [
        x for x in world.box.calls()
        if x["operation"] == "RequestSpotFleet" and str(x["parameters"].get("DryRun")) != "True"
    ]  # fmt: skip
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == served
    # Its image never served: it goes, as that of red tests does, and no other is blamed.
    found = page(world, "release-")
    assert "failed before any server was asked for" in found
    assert "PG::DuplicateTable: notes" in found
    assert "the migration did not end well, and may have done a part" in found


def test_cancelled_while_it_runs_leaves_nothing(slow: World, served: str) -> None:
    slow.box.clear_calls()
    process = start(slow, "v2", "cancelled")
    wait_for_migration(slow, process)
    process.terminate()
    assert process.ended.wait(40), process.tail()
    truth = slow.settled()
    assert truth.problems() == []
    assert truth.fleet == served


def test_killed_while_it_runs_leaves_nothing_after_reconcile(slow: World, served: str) -> None:
    """Packer, too: without it, it is as with any other command (test_command.py)."""
    slow.box.clear_calls()
    process = start(slow, "v2", "killed")
    wait_for_migration(slow, process)
    process.kill(packer_too=True)
    slow.report_crashed(process)
    slow.reconcile()
    truth = slow.settled()
    assert truth.problems() == []
    assert truth.fleet == served


@pytest.mark.usefixtures("served")
def test_a_rollback_does_not_migrate_back_and_names_what_lies_between(world: World) -> None:
    _commit_another(world.repository)
    newer = world.release("second-migration", "each")
    assert newer["outcome"] == "released", newer
    assert "new: db/migrate/20240201000000" in page(world, "release-").replace("\\", "")
    world.box.clear_calls()
    given = without_release_only(world.parameters("v1", "each"))
    process = world.zygote.start("rollback", given)
    back = process.result()
    assert "the database keeps what this version does not know" in process.log()
    assert back["outcome"] == "released", back
    found = page(world, "release-").replace("\\", "")
    assert "not migrated back: the database keeps what this version does not know" in found
    assert SECOND.removesuffix(".rb") in found
    assert migrators(world) == []


def _commit_another(repository: Path) -> None:
    """A branch with one migration more."""

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=T", "-c", "user.email=t@example.com", *arguments],
            cwd=repository, check=True, capture_output=True,
        )  # fmt: skip

    if (repository / SECOND).exists():
        return
    git("checkout", "--quiet", "-B", "second-migration", "v1")
    (repository / SECOND).parent.mkdir(parents=True, exist_ok=True)
    (repository / SECOND).write_text("class AddAuthor < ActiveRecord::Migration[6.1]\nend\n")
    git("add", "--all")
    git("commit", "--quiet", "-m", "Add an author")
