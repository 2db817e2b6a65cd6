"""Each kind of thing that a release can make is left behind, and seen."""

from collections.abc import Callable
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.keep.ledger import read_back
from spotkiln.aws.session import Aws
from spotkiln.release.ledger import Key, fates, left_behind
from spotkiln.release.release import Fate
from tests.aws.test_own import baked, builder, tags
from tests.look_alikes import DEAD, INHERITED, LookAlikes
from tests.sandbox.account import Account, eventually

pytestmark = pytest.mark.sandbox

NAME = f"demo-web-app/deaddeaddead/{DEAD}"


def group(account: Account) -> str:
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = account.ec2.create_security_group(
        GroupName=f"spotkiln-builder-{DEAD}", Description="builder", VpcId=vpc
    )
    return str(made["GroupId"])


def key_pair(account: Account) -> str:
    name = f"spotkiln-builder-{DEAD}"
    account.ec2.create_key_pair(KeyName=name)
    return name


def template(account: Account) -> str:
    made = account.ec2.create_launch_template(
        LaunchTemplateName=f"spotkiln-{DEAD}-00000000",
        LaunchTemplateData={"ImageId": account.debian, "InstanceType": "t3.micro"},
        TagSpecifications=[tags("launch-template", INHERITED)],
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def fleet(account: Account, **more: Any) -> str:
    marks = {**INHERITED, "spotkiln:phase": "pending"}
    return account.request(TagSpecifications=[tags("spot-fleet-request", marks)], **more)


def snapshot(account: Account) -> str:
    """Of an image that is gone."""
    image = baked(account)
    name = account.image(image)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    account.ec2.deregister_image(ImageId=image)
    return str(name)


def volume(account: Account) -> str:
    """One that did not go with its machine."""
    made = account.ec2.create_volume(
        AvailabilityZone="eu-west-1a", Size=8, TagSpecifications=[tags("volume", INHERITED)]
    )
    return str(made["VolumeId"])


MAKE: dict[str, Callable[[Account], str]] = {
    "security-group": group,
    "key-pair": key_pair,
    "launch-template": template,
    "spot-fleet-request": fleet,
    "instance": builder,
    "image": baked,
    "snapshot": snapshot,
    "volume": volume,
}


def seen(aws: Aws, asked: list[Key], kept: dict[str, str] | None = None) -> dict[Key, Fate]:
    entries = fates(read_back(aws, DEAD, NAME, asked), kept or {})
    return {(one.kind, one.id): one.fate for one in entries}


@pytest.mark.parametrize("kind", MAKE)
def test_each_kind_that_was_noted_is_seen_left_behind(
    aws: Aws, account: Account, kind: str
) -> None:
    name = MAKE[kind](account)
    assert seen(aws, [(kind, name)])[kind, name] is Fate.LEFT_BEHIND
    entries = fates(read_back(aws, DEAD, NAME, [(kind, name)]), {})
    assert f"{kind} {name}" in left_behind(entries)


@pytest.mark.parametrize("kind", MAKE)
def test_an_answer_that_was_lost_hides_nothing(aws: Aws, account: Account, kind: str) -> None:
    """What was never noted is found by its tag, or by the name that was chosen."""
    name = MAKE[kind](account)
    assert seen(aws, [])[kind, name] is Fate.LEFT_BEHIND


@pytest.mark.parametrize("kind", MAKE)
def test_what_was_noted_and_is_gone_is_destroyed(aws: Aws, account: Account, kind: str) -> None:
    name = {
        "security-group": "sg-0dead",
        "key-pair": "spotkiln-builder-x",
        "launch-template": "lt-0dead0dead0dead00",
        "spot-fleet-request": "sfr-00000000-dead-4000-8000-000000000000",
        "instance": "i-0dead0dead0dead00",
        "image": "ami-0dead0dead0dead00",
        "snapshot": "snap-0dead0dead0dead00",
        "volume": "vol-0dead0dead0dead00",
    }[kind]
    del account
    assert seen(aws, [(kind, name)]) == {(kind, name): Fate.DESTROYED}


def test_the_fleet_that_serves_is_kept_with_its_machines_and_volumes(
    aws: Aws, account: Account
) -> None:
    name = fleet(account)
    account.until_fleet(name, "active", "fulfilled")
    made = seen(aws, [], {name: "serves"})
    assert set(made.values()) == {Fate.KEPT}
    assert sorted(kind for kind, _ in made) == [
        "instance", "instance", "spot-fleet-request", "volume", "volume",
    ]  # fmt: skip


def test_what_ends_with_its_machine_is_not_left_behind(aws: Aws, account: Account) -> None:
    account.box.script(stop_seconds=50)
    machine = builder(account)
    account.until(machine, "running")
    account.ec2.terminate_instances(InstanceIds=[machine])
    made = seen(aws, [("instance", machine)])
    assert {fate for (kind, _), fate in made.items() if kind != "key-pair"} == {Fate.DESTROYED}


def test_look_alikes_are_nothing_that_it_made(aws: Aws, account: Account) -> None:
    others = LookAlikes(account.ec2, account.elbv2, account.target_group, account.box.mark)
    others.seed(account.debian)
    assert seen(aws, []) == {}
    eventually(lambda: others.touched() == [])
    assert t.RELEASE in INHERITED
