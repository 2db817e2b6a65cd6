"""`spotkiln automations`: what is in the file is in Prefect, once, however often it is said."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Command
from tests.reliability.flow_process import ROOT
from tests.reliability.world import World

pytestmark = [pytest.mark.prefect, pytest.mark.sandbox]
FILE = ROOT / "automations.yaml"
ZOMBIES = "Crash runs whose heartbeat is missing"
SILENT = "Crash runs that were taken and gave no sign"
FAILURES = "Tell of what failed"


def known(world: World) -> dict[str, dict[str, Any]]:
    found = world.api.post("/automations/filter", json={}).raise_for_status().json()
    assert len({one["name"] for one in found}) == len(found), "one of them is there twice"
    return {one["name"]: one for one in found}


def done(command: Command, file: Path = FILE) -> dict[str, str]:
    code, out, err = command("automations", str(file), "--json")
    assert code == 0, err
    return {one["name"]: one["done"] for one in json.loads(out)}


@pytest.fixture(autouse=True)
def none_left(world: World) -> None:
    for one in world.api.post("/automations/filter", json={}).json():
        world.api.delete(f"/automations/{one['id']}").raise_for_status()


def make_block(world: World) -> str:
    """A notification block, as the UI makes it."""
    kind = world.api.get("/block_types/slug/slack-webhook").raise_for_status().json()
    schemas = world.api.post(
        "/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [kind["id"]]}}}
    ).json()
    made = world.api.post(
        "/block_documents/",
        json={
            "name": "spotkiln",
            "data": {"url": "http://127.0.0.1:9/nobody"},
            "block_type_id": kind["id"],
            "block_schema_id": schemas[0]["id"],
        },
    )
    return str(made.raise_for_status().json()["id"])


def test_the_shipped_file_twice(world: World, command: Command) -> None:
    assert done(command) == {ZOMBIES: "created", SILENT: "created", FAILURES: "left out"}
    first = known(world)
    assert set(first) == {ZOMBIES, SILENT}
    assert done(command) == {
        ZOMBIES: "unchanged",
        SILENT: "unchanged",
        FAILURES: "left out",
    }
    assert known(world) == first


def test_the_notification_comes_with_its_block(world: World, command: Command) -> None:
    block = make_block(world)
    try:
        assert done(command)[FAILURES] == "created"
        assert known(world)[FAILURES]["actions"][0]["block_document_id"] == block
    finally:
        world.api.delete(f"/block_documents/{block}").raise_for_status()


def test_a_change_is_brought_to_the_one_that_is_there(
    world: World, command: Command, tmp_path: Path
) -> None:
    done(command)
    before = known(world)[ZOMBIES]
    told = yaml.safe_load(FILE.read_text())
    told["automations"][0]["trigger"]["within"] = 90
    changed = tmp_path / "automations.yaml"
    changed.write_text(yaml.safe_dump(told))
    assert done(command, changed)[ZOMBIES] == "updated"
    after = known(world)[ZOMBIES]
    assert (after["id"], after["trigger"]["within"]) == (before["id"], 90)


def test_doubles_are_reduced_to_one(world: World, command: Command) -> None:
    done(command)
    one = known(world)[ZOMBIES]
    fields = ("name", "description", "enabled", "trigger", "actions")
    world.api.post("/automations/", json={x: one[x] for x in fields}).raise_for_status()
    done(command)
    assert set(known(world)) == {ZOMBIES, SILENT}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("deployments: []", "expected a list `automations`"),
        ("automations: [{description: nameless}]", "each with a name"),
        ("automations: [{name: x, trigger: {type: no}, actions: []}]", "automation 'x'"),
        ("{", "cannot read automations"),
    ],
)
def test_a_bad_file_is_refused(command: Command, tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    code, _, err = command("automations", str(file))
    assert code == 2
    assert said in err
