"""Staging and production share images by the application's name: each has versions of its own."""

from typing import Any

import pytest

from rehearsal.account import tags_of
from tests.release.test_rollback import go_back, tags
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

# Its release is what the documentation shows: the same application, another target group.
STAGING: dict[str, Any] = {"infra": {"target_group": "blog"}}


def test_each_goes_back_to_what_itself_had(world: World) -> None:
    settings = {"force": False, "keep_versions": 2}
    one = world.release("v1", "shared 1", **settings, **STAGING)
    same = world.release("v1", "shared 1", **settings)
    assert [x.get("outcome") for x in (one, same)] == ["released"] * 2, (one, same)
    assert same["image"] == one["image"]
    two = world.release("v2", "shared 2", **settings, **STAGING)
    assert world.release("v2", "shared 2", **settings)["image"] == two["image"]
    # Staging goes on, by more versions than are kept.
    later = [world.release("v1", f"shared {n}", **settings, **STAGING) for n in (3, 4, 5)]
    assert [x["outcome"] for x in later] == ["released"] * 3

    # What production keeps is there, though staging has forgotten it, and staging's is pruned.
    kept = {x["ImageId"] for x in world.account.released_images()}
    assert {one["image"], two["image"], later[1]["image"], later[2]["image"]} <= kept
    assert later[0]["image"] not in kept
    marks = tags(world, one["image"])
    assert "spotkiln:served/blog" not in marks
    since, until = marks["spotkiln:served/website"].split()
    assert since < until
    [serving] = world.account.serving()
    assert tags(world, two["image"])["spotkiln:served/website"].split()[0] == until
    assert tags_of(serving)["spotkiln:image"] == two["image"]

    # Production's previous is what served production, and not staging's newest.
    back = go_back(world)
    assert (back["outcome"], back["image"]) == ("released", one["image"])
    staged = go_back(world, **STAGING)
    assert (staged["outcome"], staged["image"]) == ("released", later[1]["image"])
