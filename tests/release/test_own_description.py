"""An application says in its own repository how it is released, commit by commit."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from rehearsal.account import tags_of
from tests.release.looking import why_not
from tests.release.pages import page
from tests.reliability.world import World
from tests.unit.repository import run_git

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


@pytest.fixture
def shop(world: World, tmp_path: Path) -> Path:
    """A repository of its own, for these tests commit to it."""
    folder = tmp_path / "shop"
    subprocess.run(["git", "clone", "--quiet", "-b", "v1", world.repository, folder], check=True)
    return folder


def describe(shop: Path, text: str) -> str:
    (shop / "spotkiln.yaml").write_text(text)
    run_git(shop, "add", "spotkiln.yaml")
    run_git(shop, "commit", "--quiet", "--message", "Say how it is released")
    return run_git(shop, "rev-parse", "HEAD")


def of(shop: Path, commit: str, **more: Any) -> dict[str, Any]:
    return {"app": {"name": "demo-web-app", "repository": str(shop), "ref": commit, **more}}


def inputs(world: World, image: str) -> dict[str, str]:
    """Of the image's recipe."""
    found = world.account.ec2.describe_images(ImageIds=[image])["Images"][0]
    return dict(part.split("=", 1) for part in tags_of(found)["spotkiln:inputs"].split())


def test_a_commit_changes_how_it_is_started_and_a_deployment_overrides_it(
    world: World, shop: Path
) -> None:
    text = "start: bundle exec puma -C config/puma.rb\nenvironment:\n  GREETING: hush\n"
    one = world.release(**of(shop, describe(shop, text)))
    assert one["outcome"] == "released", one
    first = page(world, "release-")
    assert "| `start` | bundle exec puma -C config/puma.rb | spotkiln.yaml |" in first
    assert "| `environment.GREETING` | (not shown) | spotkiln.yaml |" in first
    assert "hush" not in first

    again = describe(shop, text.replace("puma -C", "ruby never.rb -C"))
    two = world.release(**of(shop, again, start="bundle exec puma"))
    assert two["outcome"] == "released", two
    assert two["image"] != one["image"]
    second = page(world, "release-")
    assert "| `start` | bundle exec puma | deployment |" in second
    assert "| `environment.GREETING` | (not shown) | spotkiln.yaml |" in second
    before, after = inputs(world, one["image"]), inputs(world, two["image"])
    assert {name for name in before if before[name] != after[name]} == {"source", "units"}
    assert world.settled().problems() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\nstrat: puma\n", ["spotkiln.yaml:2: strat", "did you mean start?"]),
        ("start: cd web && puma\n", ["spotkiln.yaml:1: start", "`cd` is the shell's own"]),
        ("port: 4000\n", ["does not fit", "port 3000", "listens on 4000"]),
    ],
)
def test_a_mistake_in_it_costs_nothing(
    world: World, shop: Path, tmp_path: Path, text: str, words: list[str]
) -> None:
    error = why_not(world, tmp_path, {**world.parameters("v1"), **of(shop, describe(shop, text))})
    for word in words:
        assert word in error
