"""Two accounts, each a sandbox of its own: what staging has released, for two architectures, is
released in production from copies of the same digests, and nothing is baked there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.account import client
from rehearsal.worker import as_worker
from sandbox.client import Sandbox
from spotkiln import tags as t
from spotkiln.account.roles import WORKER
from tests.reliability.flow_process import Zygote
from tests.reliability.host import eventually
from tests.reliability.truth import Account
from tests.reliability.world import MACHINES, SPEED, STAND_IN, World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(600)]

PRODUCTION = "210987654321"
TAKEN_FROM = "taken-from"
TYPES = {"instance_types": ["t3.micro", "t4g.micro"]}
BOTH: dict[str, Any] = {
    "infra": {"other_base_image": "rails-arm*"},
    "build": {"other_instance_types": ["t4g.small"]},
    "fleet": TYPES,
}
# As docs/images.md has it.
RIGHTS = [
    {"Effect": "Allow", "Action": "ec2:DescribeImages", "Resource": "*"},
    {
        "Effect": "Allow",
        "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
        "Resource": "arn:aws:ec2:*::image/*",
        "Condition": {
            "StringLike": {"aws:ResourceTag/spotkiln:release": "?*"},
            "ForAllValues:StringLike": {"aws:TagKeys": "spotkiln:copying/*"},
        },
    },
]


class Production:
    """Of the same company as the world, whose account is staging's. Its flows have a worker's
    rights, and know the same Prefect."""

    def __init__(self, box: Sandbox, world: World, zygote: Zygote, role: str) -> None:
        self.box, self.world, self.zygote = box, world, zygote
        self.account = Account(box)
        self.images = {"take_from": {"role_arn": role, "external_id": "acme-7"}}

    def start(self, variant: str, **changes: Any) -> Any:
        given = self.world.parameters("v1", variant, images=self.images, fleet=TYPES, **changes)
        return self.zygote.start("release", given)

    def own(self) -> list[dict[str, Any]]:
        return list(self.account.ec2.describe_images(Owners=["self"])["Images"])

    def snapshots(self) -> list[str]:
        found = self.account.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return [one["SnapshotId"] for one in found]

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return [one for one in self.box.calls() if one["operation"] == operation]


def _put_role(box: Sandbox) -> str:
    """Staging's owner lets production look at its images."""
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{box.account_id}:root"},
        "Condition": {"StringEquals": {"sts:ExternalId": "acme-7"}},
    }
    iam = client(box, "iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = iam.create_role(RoleName=TAKEN_FROM, AssumeRolePolicyDocument=document)
    policy = json.dumps({"Version": "2012-10-17", "Statement": RIGHTS})
    iam.put_role_policy(RoleName=TAKEN_FROM, PolicyName="look", PolicyDocument=policy)
    return str(made["Role"]["Arn"])


@pytest.fixture
def production(world: World) -> Iterator[Production]:
    home = world.home / "production"
    with Sandbox.start(home, speed=SPEED, account_id=PRODUCTION) as box:
        box.script(**MACHINES, **STAND_IN)
        box.join(world.box)
        role = _put_role(world.box)
        variables = {**world.environment, **as_worker(box)}
        with Zygote(world.home / "production-runs", variables, SPEED) as zygote:
            zygote.wait_until_ready()
            yield Production(box, world, zygote, role)


def _paused(box: Sandbox, fault: str) -> bool:
    return any(one["id"] == fault and one["waiting"] for one in box.faults())


def released(made: dict[str, Any]) -> dict[str, Any]:
    assert made.get("outcome") == "released", made
    return made


def seen(account: Account, image: str) -> dict[str, Any]:
    return dict(account.ec2.describe_images(ImageIds=[image])["Images"][0])


def own_named(account: Account, pattern: str) -> list[dict[str, Any]]:
    wanted: Any = [{"Name": "name", "Values": [pattern]}]
    return list(account.ec2.describe_images(Owners=["self"], Filters=wanted)["Images"])


def originals(account: Account, image: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An image and its twin."""
    first = seen(account, image)
    (twin,) = own_named(account, f"{first['Name']}/arm64")
    return first, twin


def tags(found: dict[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in found["Tags"]}


def test_what_staging_has_released_is_released_in_production(
    world: World, production: Production
) -> None:
    if not own_named(world.account, "rails-arm*"):
        world.account.base_image("rails-arm", "arm64", "t4g.small")
    released(world.release("v1", "promoted", **BOTH))
    kept = production.start("promoted").result()
    assert f"is not shared with account {PRODUCTION}: add it to images.share_with" in kept["error"]
    assert production.own() == []

    # A kill between the copy and whatever comes next leaves what reconcile takes away.
    shared = {"share_with": [PRODUCTION]}
    staged = released(world.release("v1", "promoted", images=shared, **BOTH))
    fault = production.box.fault("CopyImage", "pause", when="after")
    process = production.start("promoted")
    eventually(lambda: _paused(production.box, fault) or process.ended.is_set(), 120.0, "a copy")
    assert not process.ended.is_set(), process.result()
    process.kill()
    production.box.clear_faults()
    halves = production.own()
    assert {tags(one)[t.STATE] for one in halves} == {"tested"}
    original, twin = originals(world.account, staged["image"])
    # The original of the one that was paused says so. The other may have been quicker, or slower.
    marked = [
        f"eu-west-1/{one['ImageId']}"
        for one in (original, twin)
        if any(key.startswith(t.COPYING) for key in tags(one))
    ]
    assert {tags(one)[t.COPIED_FROM] for one in halves} & {*marked}
    world.report_crashed(process)

    made = released(production.start("promoted").result())
    copies = originals(production.account, made["image"])
    assert [one["Architecture"] for one in copies] == ["x86_64", "arm64"]
    assert {one["ImageId"] for one in copies} == {one["ImageId"] for one in production.own()}
    assert not {one["ImageId"] for one in copies} & {one["ImageId"] for one in halves}
    assert len(production.snapshots()) == 2
    for copy, source in zip(copies, (original, twin), strict=True):
        theirs, ours = tags(source), tags(copy)
        assert [ours[one] for one in (t.RECIPE, t.COMMIT, t.STATE)] == [
            theirs[t.RECIPE],
            theirs[t.COMMIT],
            "tested",
        ]
        assert ours[t.COPIED_FROM] == f"eu-west-1/{source['ImageId']}"
    assert f"{t.SERVED}website" in tags(copies[0])
    assert production.calls("CreateImage") == []
    # Its members run the copy, and staging's serve as before.
    members = list(production.account.look().members)
    assert len(members) == 2
    found = production.account.ec2.describe_instances(InstanceIds=members)["Reservations"]
    serving = {x["ImageId"] for one in found for x in one["Instances"]}
    assert serving <= {one["ImageId"] for one in copies}
    # Nobody copies it any more: staging may prune it.
    for after in originals(world.account, staged["image"]):
        assert not any(key.startswith(t.COPYING) for key in tags(after))

    # The same once more is the same image; a newer commit that staging has not released is refused.
    again = released(production.start("promoted").result())
    assert again["image"] == made["image"]
    refused = production.start("never staged").result()
    assert "has no released image of this digest: compared with" in refused["error"]
    assert "variables" in refused["error"]
    assert production.box.rights()[WORKER]["refused"] == []
    assert world.box.rights()[TAKEN_FROM]["refused"] == []
    assert len(production.own()) == 2
