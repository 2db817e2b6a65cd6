"""Releases that ask first: nothing is spent before a yes, and every answer is a clear end."""

import time
from typing import Any

import pytest

from tests.release.pages import last_row, page
from tests.release.test_following import events
from tests.reliability.flow_process import FlowProcess
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

ASK = {"required": True, "seconds": 300}
PAUSE_SECONDS = 60.0


@pytest.fixture
def serving(world: World) -> str:
    """A fleet of two that serves; its id."""
    truth = world.account.look()
    if truth.capacity != 2 or truth.problems():
        assert world.release("v1", "asked")["outcome"] == "released"
    world.box.clear_calls()
    return world.account.look().fleet


def asked(world: World, variant: str, **approval: Any) -> FlowProcess:
    """A release that waits for an answer."""
    process = world.start("v2", variant, approval={**ASK, **approval})
    deadline = time.monotonic() + PAUSE_SECONDS
    while time.monotonic() < deadline:
        if process.run and state(world, process.run) == "PAUSED" and form(world, process.run):
            return process
        time.sleep(0.2)
    raise TimeoutError(f"it does not ask:\n{process.tail()}")


def state(world: World, run: str) -> str:
    found = world.api.get(f"/flow_runs/{run}").raise_for_status().json()
    return str(found["state"]["type"])


def form(world: World, run: str) -> str:
    """The text above the form; empty while there is none."""
    answer = world.api.post(
        f"/flow_runs/{run}/input/filter", json={"prefix": "paused-", "limit": 10}
    )
    found = {
        one["key"].rpartition("-")[2]: one["value"] for one in answer.raise_for_status().json()
    }
    return str(found.get("description", ""))


def answer(world: World, run: str, **given: str) -> dict[str, Any]:
    said = world.api.post(f"/flow_runs/{run}/resume", json={"run_input": given})
    return dict(said.raise_for_status().json())


def changing(world: World) -> list[str]:
    """The calls that changed something."""
    return [x["operation"] for x in world.box.calls() if x["mutating"] and not x["error"]]


def test_approved(world: World, serving: str) -> None:
    process = asked(world, "approved")
    text = form(world, process.run)
    assert f"serves now: {serving}" in text
    assert "bake and test anew" in text
    assert f"retire: {serving} (2 instances)" in text
    assert "USD per hour (all On-Demand: 0." in text
    assert changing(world) == []

    refused = answer(world, process.run, decision="perhaps")
    assert refused["status"] == "REJECT"
    assert state(world, process.run) == "PAUSED"
    assert answer(world, process.run, decision="approve", by="alice")["status"] == "ACCEPT"
    made = process.result()
    assert made["outcome"] == "released", made
    assert world.settled().fleet == made["fleet"] != serving
    assert "- **approval**: approved by alice\n" in page(world, "release-demo-web-app")


def test_rejected(world: World, serving: str) -> None:
    process = asked(world, "rejected")
    answer(world, process.run, decision="reject", by="bob", comment="not on a Friday")
    ended = process.result()
    assert ended["outcome"] == "declined", ended
    assert ended["cause"] == "rejected by bob: not on a Friday"
    assert changing(world) == []
    assert world.settled().fleet == serving
    assert state(world, process.run) == "COMPLETED"
    assert "Traceback" not in process.log()
    assert last_row(world)["outcome"] == "declined"
    assert [one["event"].rpartition(".")[2] for one in events(world, process.run, 2)] == [
        "started",
        "declined",
    ]


def test_no_answer_in_time(world: World, serving: str) -> None:
    process = asked(world, "late", seconds=10)
    ended = process.result()
    assert ended["outcome"] == "declined", ended
    assert "nobody approved it within 10 s" in ended["cause"]
    assert changing(world) == []
    assert state(world, process.run) == "COMPLETED"
    assert "Traceback" not in process.log()


def test_what_serves_has_changed_meanwhile(world: World, serving: str) -> None:
    process = asked(world, "overtaken")
    other = world.release("v1", "overtook")
    assert other["outcome"] == "released", other
    world.box.clear_calls()
    answer(world, process.run, decision="approve", by="alice")
    ended = process.result()
    assert ended["outcome"] == "declined", ended
    assert f"it was {serving}" in ended["cause"]
    assert f"now it is {other['fleet']}" in ended["cause"]
    assert set(changing(world)) <= {"AddTags", "RemoveTags"}
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == other["fleet"]


def test_bad_input_ends_before_anybody_is_asked(world: World, serving: str) -> None:
    ended = world.release("nowhere", approval=ASK)
    assert "InputError" in ended["error"]


def test_cancelled_while_it_waits(world: World, serving: str) -> None:
    process = asked(world, "cancelled")
    process.terminate()
    assert "error" in process.result()
    assert changing(world) == []
