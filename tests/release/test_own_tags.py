"""A company's own tags are on all that a release makes, from the moment it exists where EC2 lets
them be."""

from typing import Any

import pytest

from rehearsal.account import every, own_images, own_snapshots, tags_of
from tests.reliability.world import PREVIEW, World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(300)]
OWN = {"Team": "shop", "cost-centre": "4711"}
# EC2 takes no tags at their creation, or Packer gives none then.
WITHOUT = {"CreateImage", "CreateKeyPair"}


def carries(resource: dict[str, Any]) -> bool:
    return tags_of(resource).items() >= OWN.items()


def made_without(world: World) -> list[str]:
    """The creations since the record was cleared that gave anything no such tags."""
    found = []
    for call in world.box.calls():
        name, given = str(call["operation"]), call["parameters"]
        creates = name.startswith(("Create", "Run", "Request")) and "Tags" not in name
        if call["error"] or not creates or name in WITHOUT:
            continue
        text = str(given)
        if not all(key in text and value in text for key, value in OWN.items()):
            found.append(name)
    return found


@pytest.mark.parametrize("launcher", ["spot-fleet", "auto-scaling"])
def test_all_that_is_made_carries_them(world: World, launcher: str) -> None:
    world.box.clear_calls()
    asked = {"infra": {"tags": OWN}, "fleet": {"launcher": launcher}}
    made = world.release("v1", f"own tags {launcher}", **asked)
    assert made["outcome"] == "released", made
    assert made_without(world) == []
    truth = world.settled()
    assert truth.problems() == []

    account, ec2 = world.account, world.account.ec2
    (image,) = [one for one in own_images(ec2) if one["ImageId"] == made["image"]]
    disks = [one["Ebs"]["SnapshotId"] for one in image["BlockDeviceMappings"] if "Ebs" in one]
    snapshots = [one for one in own_snapshots(ec2) if one["SnapshotId"] in disks]
    servers = [one for one in account.instances() if one["InstanceId"] in truth.members]
    volumes = [
        one
        for one in every(ec2, "describe_volumes", "Volumes[]")
        if any(x["InstanceId"] in truth.members for x in one["Attachments"])
    ]
    assert len(servers) == 2
    assert snapshots
    assert volumes
    for one in (image, *snapshots, *servers, *volumes, *account.serving()):
        assert carries(one), one

    if launcher == "spot-fleet":
        return
    # Asked for no more, they are no more: what serves is replaced.
    again = world.release("v1", f"own tags {launcher}", force=False, fleet={"launcher": launcher})
    assert again["outcome"] == "released", again
    assert [one for one in account.serving() if carries(one)] == []


def test_a_previews_too(world: World) -> None:
    # The image that it shares: its own would stay for a day.
    assert world.release("v1", force=False)["outcome"] in {"released", "unchanged"}
    world.box.clear_calls()
    given = {key: world.parameters("v1")[key] for key in ("app", "gate")}
    where = {"preview": PREVIEW, "branch": "own-tags", "ref": "v1", "infra": {"tags": OWN}}
    process = world.zygote.start("preview", {**given, **where})
    assert "error" not in process.result(), process.tail()
    assert made_without(world) == []
    process = world.zygote.start("preview", {**given, **where, "removed": True})
    assert "error" not in process.result(), process.tail()
    assert world.settled().problems() == []
