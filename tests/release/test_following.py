"""What is seen of a release while it runs and after: names, page, history, events."""

import time
from typing import Any

import pytest

from tests.release.pages import artifacts, commit_of, last_row, page
from tests.reliability.flow_process import FlowProcess
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

APP = "spotkiln.app.demo-web-app"
EVENTS_SECONDS = 20.0


def events(world: World, run: str, count: int) -> list[dict[str, Any]]:
    """What a run announced, oldest first, once there are so many."""
    wanted = {
        "event": {"prefix": ["spotkiln.release."]},
        "related": {"id": [f"prefect.flow-run.{run}"]},
    }
    deadline = time.monotonic() + EVENTS_SECONDS
    while True:
        answer = world.api.post("/events/filter", json={"filter": wanted}).raise_for_status()
        found = sorted(answer.json()["events"], key=lambda one: one["occurred"])
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def steps(world: World, run: str) -> list[str]:
    """The names of its task runs, in the order in which they began. Prefect's server writes them
    down after a while, the last one too."""
    wanted = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
    deadline = time.monotonic() + EVENTS_SECONDS
    while True:
        found = world.api.post("/task_runs/filter", json=wanted).raise_for_status().json()
        names = [str(one["name"]) for one in found]
        if "publish release page" in names or time.monotonic() > deadline:
            return names
        time.sleep(0.1)


@pytest.fixture(scope="module")
def told(started: World) -> FlowProcess:
    """A release, and the calls that its prices cost."""
    started.box.clear_calls()
    process = started.start("v1", "told")
    made = process.result()
    assert made["outcome"] == "released", made
    asked = [x["operation"] for x in started.box.calls()]
    kinds = len({x["type"] for x in page_targets(started)})
    assert asked.count("DescribeSpotPriceHistory") == 1
    assert asked.count("GetProducts") == kinds
    return process


def test_a_release_is_told_from_its_start_to_its_end(world: World, told: FlowProcess) -> None:
    process, made = told, told.result()
    commit = commit_of(world, "v1")

    run = world.api.get(f"/flow_runs/{process.run}").raise_for_status().json()
    assert run["name"] == f"demo-web-app {commit[:7]} script"

    started, released = events(world, process.run, 2)
    assert started["event"] == "spotkiln.release.started"
    assert started["payload"]["commit"] == commit
    assert released["event"] == "spotkiln.release.released"
    for one in (started, released):
        assert one["resource"]["prefect.resource.id"] == APP
    payload = released["payload"]
    assert (payload["image"], payload["fleet"]) == (made["image"], made["fleet"])
    assert payload["seconds"] > 0
    assert 0 < payload["usd_per_hour"] < 1

    stages = [one[0] for one in steps(world, process.run) if one[0].isdigit()]
    assert stages == sorted(stages)
    assert set(stages) == set("12345")
    # What a step waited for is told for as long as it waited.
    assert [one for one in steps(world, process.run) if " · " in one] == []

    bars = [one for one in artifacts(world, "") if one["flow_run_id"] == process.run]
    bars = [one for one in bars if one["type"] == "progress"]
    assert {one["description"]: float(one["data"]) for one in bars} == {
        "bake": 100.0,
        "test": 100.0,
        "health gate": 100.0,
    }

    text = page(world, "release-demo-web-app")
    assert "- **started by**: script\n" in text
    assert "](data:image/svg+xml;base64," in text
    assert text.count("| Spot | healthy |") == 2
    assert "USD per hour, On-Demand 0." in text
    assert "% saved\n" in text
    row = last_row(world)
    assert row["trigger"] == "script"
    assert row["usd_per_hour"] == payload["usd_per_hour"]
    assert process.run in row["page"]


@pytest.mark.usefixtures("told")
def test_each_way_to_end_has_its_event(world: World) -> None:
    again = world.start("v1", "told", force=False)
    assert again.result()["outcome"] == "unchanged"
    sick = world.start("sick", "ends")
    assert "ImageRejected" in sick.result()["error"]
    red = world.start("red", "ends")
    assert "TestsFailed" in red.result()["error"]
    lost = world.start("nowhere", "ends")
    assert "InputError" in lost.result()["error"]
    ends = {
        again.run: ["started", "unchanged"],
        sick.run: ["started", "rolled-back"],
        red.run: ["started", "failed"],
        # Without a commit there is nothing to begin with.
        lost.run: ["failed"],
    }
    for run, names in ends.items():
        found = events(world, run, len(names))
        assert [one["event"].rpartition(".")[2] for one in found] == names
    assert [one for one in steps(world, sick.run) if one.startswith("undo")] == [
        "undo: cancel fleet",
        "undo: discard image",
    ]
    assert "500" in events(world, sick.run, 2)[-1]["payload"]["cause"]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("DescribeSpotPriceHistory", "UnauthorizedOperation"),
        ("GetProducts", "AccessDeniedException"),
    ],
)
def test_without_the_right_to_see_prices_it_is_released_all_the_same(
    world: World, operation: str, code: str
) -> None:
    world.box.fault(operation, "error", code=code, status=403, count=20)
    made = world.release("v1", f"no {operation}")
    assert made["outcome"] == "released", made
    assert "- **cost**: " in page(world, "release-demo-web-app")
    assert "unknown" in page(world, "release-demo-web-app").split("- **cost**: ")[1].splitlines()[0]


def page_targets(world: World) -> list[dict[str, str]]:
    """The rows of the page's table of targets."""
    lines = page(world, "release-demo-web-app").split("## Targets\n\n")[1].split("\n\n")[0]
    header, _, *rows = [
        [x.strip() for x in line.strip("|").split("|")] for line in lines.splitlines()
    ]
    return [dict(zip(header, row, strict=True)) for row in rows]
