"""Dependencies by themselves: baked once, started from as long as they are the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.account import own_images, tags_of
from tests.release.pages import page
from tests.release.test_own_description import describe, of, shop
from tests.reliability.conftest import long
from tests.reliability.host import eventually
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


def test_a_commit_that_changes_no_dependency_starts_from_the_layer_if_it_is_there(
    world: World, packed: Path
) -> None:
    first = release(world, packed)
    (layer,) = layers(world)
    marks = tags_of(layer)
    assert marks["spotkiln:state"] == "layer"
    assert marks["spotkiln:layer"] == "demo-web-app"
    assert "spotkiln:app" not in marks
    # The layer from the base, and the image from the layer.
    assert baked_from(world) == [base(world), layer["ImageId"]]
    assert layer["ImdsSupport"] == "v2.0"
    told = page(world, "release-")
    assert layer["ImageId"] in told
    assert "nothing is left behind" in told

    commit = change(packed, AGAIN="more\n")
    second = release(world, packed, commit)
    assert second["image"] != first["image"]
    assert baked_from(world) == [layer["ImageId"]]
    of_second = world.account.ec2.describe_images(ImageIds=[second["image"]])["Images"][0]
    assert f"base={base(world)}" in tags_of(of_second)["spotkiln:inputs"]

    # Other dependencies have another one, and the first is kept for the versions that have it.
    change(packed, gems="others\n")
    release(world, packed)
    one, other = layers(world)
    assert one["ImageId"] == layer["ImageId"]
    assert baked_from(world) == [base(world), other["ImageId"]]
    # Two versions are kept, and neither has it any more.
    change(packed, AGAIN="even more\n")
    release(world, packed)
    assert [x["ImageId"] for x in layers(world)] == [other["ImageId"]]

    # One that is gone is baked again.
    discard(world, other)
    change(packed, AGAIN="and more\n")
    release(world, packed)
    (again,) = layers(world)
    assert baked_from(world) == [base(world), again["ImageId"]]

    # One that goes while a bake begins is done without.
    change(packed, AGAIN="and still more\n")
    world.box.clear_calls()
    fault = world.box.fault("RunInstances", "pause", nth=1, agent="Packer", when="before")
    run = world.start(**of(packed, run_git(packed, "rev-parse", "HEAD")))
    world.box.wait_paused(fault, 60)
    discard(world, again)
    world.box.release(fault)
    assert run.result()["outcome"] == "released", run.tail()
    assert f"layer {again['ImageId']} has gone meanwhile" in run.log()
    assert baked_from(world) == [base(world)]
    assert world.settled().problems() == []


def test_without_layers_nothing_is_baked_beside_the_image(world: World, packed: Path) -> None:
    release(world, packed, build={"layers": False})
    assert baked_from(world) == [base(world)]
    assert layers(world) == []


def test_a_command_that_fails_leaves_neither_layer_nor_image(world: World, packed: Path) -> None:
    """The image is tried without a layer, and tells why."""
    change(packed, **{".sandbox.json": '{"dependencies": "broken"}'})
    world.box.clear_calls()
    run = world.start(**of(packed, run_git(packed, "rev-parse", "HEAD")))
    assert "dependencies or assets could not be built" in run.result()["error"]
    assert "no layer: it could not be baked: " in run.log()
    assert baked_from(world) == [base(world), base(world)]
    assert layers(world) == []
    assert world.settled().stray == []


def test_two_releases_do_not_bake_the_same_one(world: World, packed: Path) -> None:
    """The second does not wait either: it bakes as if there were no layers."""
    ref = run_git(packed, "rev-parse", "HEAD")
    fault = world.box.fault("CreateImage", "pause", nth=1, agent="Packer", when="before")
    first = world.start(**of(packed, ref))
    world.box.wait_paused(fault, 60)
    world.box.clear_calls()
    other = world.start(**of(packed, ref), infra={"target_group": "blog"})
    eventually(lambda: "another release bakes it just now" in other.log(), 60, "the second")
    world.box.release(fault)
    assert first.result()["outcome"] == "released", first.tail()
    assert other.result()["outcome"] == "released", other.tail()
    assert len(layers(world)) == 1
    assert world.settled().stray == []


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param("CreateSecurityGroup", marks=long),
        pytest.param("RunInstances", marks=long),
        "CreateImage",
    ],
)
def test_killed_in_its_bake_nothing_of_it_is_left(
    world: World, packed: Path, operation: str
) -> None:
    agent = "spotkiln/" if operation == "CreateSecurityGroup" else "Packer"
    fault = world.box.fault(operation, "pause", nth=1, agent=agent, when="after")
    run = world.start(**of(packed, run_git(packed, "rev-parse", "HEAD")))
    world.box.wait_paused(fault, 60)
    run.kill(packer_too=True)
    world.box.release(fault, drop=True)
    world.box.clear_faults()
    world.report_crashed(run)
    world.reconcile()
    assert world.look_once_quiet().stray == []
    assert layers(world) == []
    release(world, packed)
    assert len(layers(world)) == 1
    assert len(baked_from(world)) == 2


def test_cancelled_in_its_bake_it_is_undone(world: World, packed: Path) -> None:
    fault = world.box.fault("CreateImage", "pause", nth=1, agent="Packer", when="after")
    run = world.start(**of(packed, run_git(packed, "rev-parse", "HEAD")))
    world.box.wait_paused(fault, 60)
    run.terminate()
    world.box.release(fault)
    run.result()
    world.box.clear_faults()
    assert world.settled().stray == []
    assert layers(world) == []
