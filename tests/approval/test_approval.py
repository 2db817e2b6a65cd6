"""Approvals of deployments: who waits for an answer has no process and no slot."""

import subprocess
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from rehearsal.runs import Runs
from tests.cli.conftest import Command
from tests.cli.test_worker import programs_of, until, until_ended
from tests.release.pages import page
from tests.release.test_approval import answer, changing
from tests.release.test_following import events
from tests.reliability.conftest import long
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(900)]

DEPLOYMENT = "release/demo"
ASK = {"required": True, "seconds": 600}
# From the request of a run to its first line, on a machine that has other things to do: imports.
STARTS_SECONDS = 60.0


def named(world: World, run: str) -> str:
    found = world.api.get(f"/flow_runs/{run}").raise_for_status().json()
    return str(found["state"]["name"])


def ask(world: World, runs: Runs, variant: str, ref: str = "v2", **approval: Any) -> str:
    """A release that is suspended until it is answered."""
    given = world.parameters(ref, variant, approval={**ASK, **approval}, keep_versions=9)
    return runs.start(DEPLOYMENT, given)


def until_suspended(world: World, *asking: str) -> None:
    until(
        lambda: all(named(world, run) == "Suspended" for run in asking),
        STARTS_SECONDS * len(asking),
        [named(world, run) for run in asking],
    )


def row(world: World, run: str) -> dict[str, Any]:
    return Runs(world.prefect.address).latest_row("releases-demo-web-app", run)


def test_an_approved_one_goes_on_with_what_was_asked(
    world: World, runs: Runs, worker: "subprocess.Popen[bytes]"
) -> None:
    git = ["git", "-C", str(world.repository)]
    subprocess.run([*git, "branch", "--force", "asked", "v2"], check=True)
    wanted = subprocess.check_output([*git, "rev-parse", "v2^{commit}"], text=True).strip()
    asking = ask(world, runs, "suspended", ref="asked")
    until_suspended(world, asking)
    until(lambda: programs_of(worker) == [], 20, "its process ends")
    assert changing(world) == []
    # The branch moves on while somebody thinks about it.
    subprocess.run([*git, "branch", "--force", "asked", "v1"], check=True)
    refused = answer(world, asking, decision="perhaps")
    assert refused["status"] == "REJECT"
    assert answer(world, asking, decision="approve", by="alice")["status"] == "ACCEPT"
    until_ended(runs, asking, 180)
    assert runs.state(asking)[0] == "COMPLETED", runs.state(asking)
    made = row(world, asking)
    assert made["outcome"] == "released", made
    assert made["commit"] == wanted[:12]
    assert made["ref"] == "asked"
    assert "- **approval**: approved by alice\n" in page(world, "release-demo-web-app")
    told = [one["event"].rpartition(".")[2] for one in events(world, asking, 2)]
    assert told == ["started", "released"]


def test_nobody_answers(world: World, runs: Runs, worker: "subprocess.Popen[bytes]") -> None:
    asking = ask(world, runs, "unanswered", seconds=10)
    until_suspended(world, asking)
    until_ended(runs, asking, 120)
    assert runs.state(asking)[0] == "COMPLETED", runs.state(asking)
    made = row(world, asking)
    assert made["outcome"] == "declined", made
    assert "nobody approved it within 10 s" in made["cause"]
    assert changing(world) == []
    assert worker.poll() is None


def resume(world: World, run: str, **given: str) -> None:
    body = {"run_input": given}
    world.api.post(f"/flow_runs/{run}/resume", json=body).raise_for_status()


@pytest.mark.parametrize("late", ["answered", "nobody"])
def test_the_deadline_is_kept_where_prefects_own_worker_runs_the_releases(
    world: World, runs: Runs, late: str
) -> None:
    """Nobody there looks at the clock. An approval that comes too late releases nothing; and
    without any, reconcile declines it."""
    world.box.clear_calls()
    pool = f"own-{late}"
    world.api.post("/work_pools/", json={"name": pool, "type": "process"}).raise_for_status()
    deployed = world.api.get(f"/deployments/name/{DEPLOYMENT}").raise_for_status().json()
    world.api.patch(f"/deployments/{deployed['id']}", json={"work_pool_name": pool})
    theirs = world.prefect.start(
        *("prefect", "worker", "start", "--pool", pool, "--type", "process"), log=f"{pool}.log"
    )
    try:
        asking = ask(world, runs, f"late {late}", seconds=10)
        until_suspended(world, asking)
        time.sleep(12)
        assert named(world, asking) == "Suspended"
        if late == "answered":
            resume(world, asking, decision="approve", by="alice")
        else:
            world.reconcile()
        until_ended(runs, asking, 180)
    finally:
        # It has no run any more, and takes its time to end.
        theirs.kill()
        theirs.wait(30)
        back = {"work_pool_name": deployed["work_pool_name"]}
        world.api.patch(f"/deployments/{deployed['id']}", json=back)
    made = row(world, asking)
    assert made["outcome"] == "declined", made
    assert "nobody approved it within 10 s" in made["cause"]
    assert changing(world) == []


def last_words(world: World, run: str) -> list[str]:
    """The names of the events of a run, oldest first."""
    resource = f"prefect.flow-run.{run}"
    found = world.api.post(
        "/events/filter",
        json={"filter": {"resource": {"id": [resource]}, "order": "ASC"}, "limit": 50},
    )
    return [one["event"] for one in found.raise_for_status().json()["events"]]


def test_cancelled_while_it_waits(
    world: World, runs: Runs, worker: "subprocess.Popen[bytes]"
) -> None:
    asking = ask(world, runs, "unwanted")
    until_suspended(world, asking)
    # The automation waits for what follows a heartbeat: with one as its last word it would be taken
    # for dead.
    until(
        lambda: "spotkiln.run.suspended" in last_words(world, asking),
        30,
        last_words(world, asking),
    )
    said = last_words(world, asking)
    assert "prefect.flow-run.heartbeat" in said
    assert said[-1] == "spotkiln.run.suspended"
    # As the UI and `prefect flow-run cancel` do it.
    runs.set_state(asking, "CANCELLING")
    until_ended(runs, asking, 30)
    assert runs.state(asking)[0] == "CANCELLED", runs.state(asking)
    assert changing(world) == []
    assert worker.poll() is None


def send(world: World, run: str, event: str) -> None:
    world.api.post(
        "/events",
        json=[
            {
                "id": str(uuid4()),
                "occurred": datetime.now(UTC).isoformat(),
                "event": event,
                "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
            }
        ],
    ).raise_for_status()


@long
def test_a_heartbeat_that_comes_late_crashes_nobody_who_waits(
    world: World, runs: Runs, worker: "subprocess.Popen[bytes]", command: Command
) -> None:
    """Of two that were suspended one gives its last word after it: the other shows why."""
    code, out, err = command("automations")
    assert code == 0, out + err
    told, untold = ask(world, runs, "told"), ask(world, runs, "untold")
    until_suspended(world, told, untold)
    time.sleep(5)
    for run in (told, untold):
        send(world, run, "prefect.flow-run.heartbeat")
    send(world, told, "spotkiln.run.suspended")
    until(lambda: runs.state(untold)[0] == "CRASHED", 260, runs.state(untold))
    time.sleep(20)
    assert named(world, told) == "Suspended"
    runs.set_state(told, "CANCELLING")
    for one in world.api.post("/automations/filter", json={}).raise_for_status().json():
        world.api.delete(f"/automations/{one['id']}").raise_for_status()


def test_the_way_back_is_free_whoever_waits(
    world: World, runs: Runs, worker: "subprocess.Popen[bytes]"
) -> None:
    """Two slots; two releases wait for an approval, two for their turn. A rollback starts. Who is
    approved after that is declined: another fleet serves by now."""
    asking = [ask(world, runs, f"asking {n}", seconds=3000) for n in range(2)]
    until_suspended(world, *asking)
    # Somebody else holds the target group.
    fault = world.box.fault("RequestSpotFleet", "pause", nth=2, agent="spotkiln/", when="after")
    holder = world.start("v1", "holder", keep_versions=9)
    world.box.wait_paused(fault, timeout=60)
    given = [world.parameters("v1", f"turn {n}", keep_versions=9) for n in range(2)]
    waiting = [runs.start(DEPLOYMENT, one) for one in given]
    until(
        lambda: all(runs.state(run)[0] == "RUNNING" for run in waiting),
        2 * STARTS_SECONDS,
        "both slots are taken",
    )
    until(lambda: len(programs_of(worker)) == 2, 20, programs_of(worker))
    back = runs.start("rollback/demo", {"version": "previous"})
    asked = time.monotonic()
    until(lambda: runs.state(back)[0] == "RUNNING", STARTS_SECONDS, runs.state(back))
    print(f"the rollback runs {time.monotonic() - asked:.1f} s after it was asked for")
    assert [runs.state(run)[0] for run in waiting] == ["RUNNING", "RUNNING"]
    assert [named(world, run) for run in asking] == ["Suspended"] * 2
    overtaken, unwanted = asking
    for run in (unwanted, *waiting):
        runs.set_state(run, "CANCELLING")
    world.box.release(fault)
    assert holder.result()["outcome"] == "released"
    until_ended(runs, back, 120)
    assert runs.state(back)[0] == "COMPLETED", runs.state(back)
    for run in (unwanted, *waiting):
        until_ended(runs, run, 60)
        assert runs.state(run)[0] == "CANCELLED"
    answer(world, overtaken, decision="approve", by="alice")
    until_ended(runs, overtaken, 120)
    made = row(world, overtaken)
    assert made["outcome"] == "declined", made
    assert f"now it is {world.settled().fleet}" in made["cause"]
