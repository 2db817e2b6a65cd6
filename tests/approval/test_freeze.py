"""Deployments in a freeze: the newest run waits without a process, and starts by itself."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from rehearsal.runs import Runs
from spotkiln.cli.output import Exit
from tests.approval.test_approval import (
    DEPLOYMENT,
    STARTS_SECONDS,
    named,
    row,
)
from tests.cli.conftest import Command
from tests.cli.test_worker import programs_of, until, until_ended
from tests.release.pages import page
from tests.release.test_approval import changing
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(900)]


def minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M}"


def frozen_for(**time: float) -> tuple[list[str], datetime]:
    """A window that has begun and lasts so long at least, and its end."""
    now = datetime.now(UTC)
    end = (now + timedelta(**time)).replace(second=0, microsecond=0) + timedelta(minutes=1)
    return [f"{minute(now - timedelta(hours=1))} - {minute(end)} UTC"], end


def ask(world: World, runs: Runs, variant: str, ref: str, freeze: list[str], **more: object) -> str:
    given = world.parameters(ref, variant, freeze=freeze, keep_versions=9, **more)
    return runs.start(DEPLOYMENT, given)


def until_named(world: World, run: str, name: str, seconds: float = STARTS_SECONDS) -> None:
    until(lambda: named(world, run) == name, seconds, named(world, run))


def test_the_newest_starts_by_itself_at_the_end(
    world: World, runs: Runs, worker: "subprocess.Popen[bytes]", command: Command
) -> None:
    before = world.release("v1", "before", keep_versions=9)
    world.box.clear_calls()
    freeze, end = frozen_for(seconds=90)
    older = ask(world, runs, "older", "v1", freeze)
    until_named(world, older, "Frozen")
    newest = ask(world, runs, "newest", "v2", freeze)
    until_named(world, newest, "Frozen")
    until_named(world, older, "Superseded")
    assert newest in runs.state(older)[1]
    assert f"frozen until {end:%a %Y-%m-%d %H:%M} UTC" in runs.state(newest)[1]
    # Neither a slot nor a process is kept, and nothing is spent.
    until(lambda: programs_of(worker) == [], 20, programs_of(worker))
    assert changing(world) == []
    assert world.settled().fleet == before["fleet"]
    # Who follows it is told, and does not wait for it.
    code, out, _ = command("follow", newest)
    assert code == Exit.FAILED
    assert "frozen until" in out
    assert datetime.now(UTC) < end
    until_ended(runs, newest, (end - datetime.now(UTC)).total_seconds() + 240)
    assert named(world, newest) == "Released", runs.state(newest)
    made = row(world, newest)
    assert made["fleet"] == world.settled().fleet != before["fleet"]


def test_a_freeze_that_a_person_breaks_is_told_on_the_page(
    world: World, runs: Runs, worker: "subprocess.Popen[bytes]"
) -> None:
    freeze, _ = frozen_for(hours=4)
    waiting = ask(world, runs, "waits", "v1", freeze)
    until_named(world, waiting, "Frozen")
    urgent = ask(world, runs, "urgent", "v2", freeze, break_glass="alice: no orders come in")
    until_ended(runs, urgent, 240)
    assert named(world, urgent) == "Released", runs.state(urgent)
    assert "alice: no orders come in, though frozen until" in page(world, "release-demo-web-app")
    # As Prefect would at the end of the window: the older one does not come back.
    over = {**parameters(world, waiting), "freeze": ["2020-12-20 - 2021-01-02"]}
    world.api.patch(f"/flow_runs/{waiting}", json={"parameters": over}).raise_for_status()
    at_once = {"state": {"type": "SCHEDULED", "name": "Scheduled"}, "force": True}
    world.api.post(f"/flow_runs/{waiting}/set_state", json=at_once).raise_for_status()
    until_ended(runs, waiting, 120)
    assert named(world, waiting) == "Superseded", runs.state(waiting)
    assert urgent in runs.state(waiting)[1]


def parameters(world: World, run: str) -> dict[str, object]:
    found = world.api.get(f"/flow_runs/{run}").raise_for_status().json()
    return dict(found["parameters"])
