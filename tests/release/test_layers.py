"""Dependencies by themselves: baked once, started from as long as they are the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.account import own_images, tags_of
from tests.release.test_own_description import describe, of, shop
from tests.reliability.world import World
from tests.unit.repository import run_git

__all__ = ["shop"]
pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

TEXT = "dependencies: make gems\nlock: [gems, .sandbox.json]\nbuild: make assets\n"


def change(shop: Path, **files: str) -> str:
    """A commit that changes these; its name."""
    for name, text in files.items():
        (shop / name).write_text(text)
    run_git(shop, "add", "--all")
    run_git(shop, "commit", "--quiet", "--message", f"Change {', '.join(files)}")
    return run_git(shop, "rev-parse", "HEAD")


@pytest.fixture
def packed(world: World, shop: Path) -> Iterator[Path]:
    """It names its lock files; another one in each test."""
    change(shop, gems=f"of {shop}\n", **{".sandbox.json": "{}"})
    describe(shop, TEXT)
    yield shop
    for one in layers(world):
        discard(world, one)


def layers(world: World) -> list[dict[str, Any]]:
    found = [x for x in own_images(world.account.ec2) if "spotkiln:layer" in tags_of(x)]
    return sorted(found, key=lambda one: one["CreationDate"])


def discard(world: World, image: dict[str, Any]) -> None:
    """As if somebody had done it by hand."""
    ec2 = world.account.ec2
    ec2.deregister_image(ImageId=image["ImageId"])
    for mapping in image["BlockDeviceMappings"]:
        ec2.delete_snapshot(SnapshotId=mapping["Ebs"]["SnapshotId"])


def baked_from(world: World) -> list[str]:
    """What Packer's machines were launched from, since the record was cleared; tests apart."""
    calls = (x for x in world.box.calls() if x["operation"] == "RunInstances" and not x["error"])
    return [str(x["parameters"]["ImageId"]) for x in calls if "'builder'" in str(x["parameters"])]


def release(world: World, shop: Path, commit: str = "HEAD", **more: Any) -> dict[str, Any]:
    """Its result, which must be good; the record holds its calls alone."""
    world.box.clear_calls()
    ref = run_git(shop, "rev-parse", commit)
    made = world.release(**of(shop, ref), **more)
    assert made["outcome"] == "released", made
    assert world.settled().problems() == []
    return made


def base(world: World) -> str:
    ec2 = world.account.ec2
    found = ec2.describe_images(Filters=[{"Name": "name", "Values": ["rails-base*"]}])["Images"]
    return str(found[0]["ImageId"])


def test_without_layers_nothing_is_baked_beside_the_image(world: World, packed: Path) -> None:
    release(world, packed, build={"layers": False})
    assert baked_from(world) == [base(world)]
    assert layers(world) == []


def test_one_that_is_gone_is_done_without_or_baked_again(world: World, packed: Path) -> None:
    release(world, packed)
    (layer,) = layers(world)
    discard(world, layer)
    change(packed, AGAIN="more\n")
    release(world, packed)
    (again,) = layers(world)
    assert baked_from(world) == [base(world), again["ImageId"]]
