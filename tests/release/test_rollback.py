"""Rollbacks, seen from outside: no build, no test, and otherwise as a release."""

from typing import Any

import pytest

from rehearsal.account import tags_of
from tests.release.pages import last_row, page
from tests.reliability.world import MACHINES, STAND_IN, World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


def go_back(world: World, version: str = "", **changes: Any) -> dict[str, Any]:
    given = world.parameters("v1", keep_versions=5, **changes)
    del given["force"]
    if version:
        given["version"] = version
    return world.zygote.start("rollback", given).result()


def made(world: World) -> list[str]:
    """The changing calls that succeeded, but for the leases."""
    return [
        x["operation"]
        for x in world.box.calls()
        if x["mutating"] and not x["error"] and x["operation"] not in {"AddTags", "RemoveTags"}
    ]


def tags(world: World, image: str) -> dict[str, str]:
    [found] = world.account.ec2.describe_images(ImageIds=[image])["Images"]
    return tags_of(found)


@pytest.fixture(scope="module")
def both(started: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """v1 was released, and then v2."""
    done = [started.release(ref, "back", keep_versions=5) for ref in ("v1", "v2")]
    assert [one["outcome"] for one in done] == ["released", "released"], done
    return done[0], done[1]


@pytest.fixture
def two(
    world: World, both: tuple[dict[str, Any], dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """v2 serves, after v1: each test but the last leaves it so."""
    assert world.settled().image == both[1]["image"]
    world.box.clear_calls()
    return both


def test_back_to_the_previous_and_forth_by_name(
    world: World, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    old, new = two
    back = go_back(world)
    assert back["outcome"] == "released", back
    assert back["image"] == old["image"]
    assert back["fleet"] not in {old["fleet"], new["fleet"]}
    truth = world.settled()
    assert truth.problems() == []
    assert (truth.fleet, truth.image) == (back["fleet"], old["image"])
    # Neither Packer nor a build, and no machine but the fleet's own.
    assert not {"RunInstances", "CreateImage", "CreateKeyPair"} & set(made(world))
    commit = last_row(world)["commit"]
    text = page(world, "release-demo-web-app")
    assert text.startswith(f"# demo-web-app: rollback to {commit}: released")
    assert "a rollback to what was released 20" in text
    assert "nothing is left behind" in text

    # Where it serves already there is nothing to do.
    world.box.clear_calls()
    again = go_back(world, commit[:8])
    assert again == {**back, "outcome": "unchanged"}
    assert made(world) == []

    forth = go_back(world, new["image"])
    assert forth["outcome"] == "released", forth
    assert forth["image"] == new["image"]


def test_an_unknown_version_ends_before_anything_is_spent(
    world: World, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    expected = {
        "0" * 12: ["demo-web-app has no version '000000000000'", "of commit", "serving"],
        "ami-nowhere": ["no version 'ami-nowhere'"],
        "zz": ["expected an image's id", "there are: ami-"],
    }
    for version, words in expected.items():
        answer = go_back(world, version)
        for word in ["InputError", two[0]["image"], two[1]["image"], *words]:
            assert word in answer["error"]
    assert made(world) == []
    assert world.settled().image == two[1]["image"]


def test_none_to_go_back_to(world: World) -> None:
    app = {**world.parameters("v1")["app"], "name": "new-app"}
    answer = go_back(world, app=app)
    assert "new-app has no earlier version to go back to; there are: none" in answer["error"]
    assert made(world) == []


def test_a_version_that_is_sick_by_now_stays_as_suspect_and_what_serves_serves_on(
    world: World, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    old, _ = two
    serving = world.settled().fleet
    versions = {one["ImageId"] for one in world.account.released_images()}
    # Its own servers alone: those of the version that serves are well.
    commit = tags(world, old["image"])["spotkiln:commit"]
    world.box.script(match={"spotkiln:commit": commit}, health=[{"after": 0, "code": 500}])
    failed = go_back(world)
    assert "ImageRejected" in failed["error"], failed
    world.box.clear_scripts()
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == serving
    row = last_row(world)
    assert (row["outcome"], row["image"]) == ("rolled back", old["image"])
    assert {one["ImageId"] for one in world.account.released_images()} == versions
    marks = tags(world, old["image"])
    assert marks["spotkiln:state"] == "tested"
    assert "website: the new servers did not pass the gate" in marks["spotkiln:suspect"]
    text = page(world, "release-demo-web-app")
    assert "- **suspect**: it stays a version" in text
    assert f"| `{old['image']}` |" in text.split("## Versions of website")[1]
    # Neither the next reconcile nor the next rollback loses it, and by its name it is taken.
    world.reconcile()
    assert {one["ImageId"] for one in world.account.released_images()} == versions
    world.box.script(**MACHINES, **STAND_IN)
    back = go_back(world, old["image"])
    assert back.get("outcome") == "released", back
    assert back["image"] == old["image"]
    assert "suspect" not in page(world, "release-demo-web-app")
