"""What is ours is found, whatever others have that looks like it."""

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.discard import discard, discard_release
from spotkiln.aws.bake.starts import base_image
from spotkiln.aws.keep.facts import gather
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.image_name import image_name
from spotkiln.errors import InputError
from spotkiln.keep.reconcile import decide
from spotkiln.poll import RealClock
from tests.look_alikes import DEAD, INHERITED, VERSION, LookAlikes
from tests.sandbox.account import Account, eventually

pytestmark = pytest.mark.sandbox

NONE: frozenset[str] = frozenset()


def silent(text: str) -> None:
    del text


@pytest.fixture
def others(account: Account) -> LookAlikes:
    made = LookAlikes(account.ec2, account.elbv2, account.target_group, account.box.mark)
    made.seed(account.debian)
    return made


def tags(kind: str, values: dict[str, str]) -> dict[str, object]:
    pairs = [{"Key": key, "Value": value} for key, value in values.items()]
    return {"ResourceType": kind, "Tags": pairs}


def builder(account: Account, release: str = DEAD, role: str = "builder") -> str:
    """As Packer launches it."""
    key = f"spotkiln-builder-{release}"
    account.ec2.create_key_pair(KeyName=key)
    marks = {**INHERITED, t.RELEASE: release, t.ROLE: role}
    return account.run(KeyName=key, TagSpecifications=[tags("instance", marks)])


def baked(account: Account, release: str = DEAD, **more: str) -> str:
    """An image as a release makes it, available and tagged."""
    machine = account.run()
    account.until(machine, "running")
    marks = {**INHERITED, t.RELEASE: release, **more}
    image = account.make_image(
        machine,
        Name=image_name("demo-web-app", "dead" * 10, release),
        TagSpecifications=[tags("image", marks), tags("snapshot", marks)],
    )
    eventually(lambda: account.image(image)["State"] == "available", what=image)
    account.ec2.terminate_instances(InstanceIds=[machine])
    return image


def test_what_only_inherited_tags_is_told_and_left_alone(aws: Aws, others: LookAlikes) -> None:
    facts = gather(aws, NONE)
    assert decide(facts) == []
    left = {one.id for one in facts.left_alone}
    carrying = set(others.ids["images"]) | others.of("snapshots") | others.of("security_groups")
    carrying |= others.of("launch_templates") | (others.of("instances") - {*others.targets})
    assert left == carrying
    assert all(one.why for one in facts.left_alone)


def test_undoing_a_release_of_the_same_name_takes_only_what_it_made(
    aws: Aws, account: Account, others: LookAlikes
) -> None:
    machine, image = builder(account), baked(account)
    account.until(machine, "running")
    account.ec2.stop_instances(InstanceIds=[machine])
    gone = discard_release(aws, DEAD, account.image(image)["Name"], RealClock(), silent)
    assert {machine, image} < set(gone)
    assert len(gone) == 3  # and the image's snapshot
    account.until(machine, "terminated")
    assert others.touched() == []


def test_discarding_an_image_leaves_its_copies_and_their_snapshots(
    aws: Aws, account: Account, others: LookAlikes
) -> None:
    image = baked(account)
    others._copied_image(image, "copied before", VERSION)
    others._first = others._see()
    found = images.describe(aws, image)
    assert found
    assert discard(aws, found, RealClock(), silent) == [image, *found.snapshots]
    assert others.touched() == []


def test_a_copy_is_no_version_and_no_base(aws: Aws, account: Account, others: LookAlikes) -> None:
    assert images.of_app(aws, "demo-web-app") == []
    with pytest.raises(InputError, match="remove their spotkiln: tags"):
        base_image(aws, "rails-base*")
    image = baked(account, **{"spotkiln:recipe": "0" * 64})
    others._copied_image(image, "a copy", {**VERSION, "spotkiln:recipe": "0" * 64})
    assert [one.id for one in images.of_app(aws, "demo-web-app")] == [image]


def test_a_copy_under_the_same_name_is_no_version(aws: Aws, account: Account) -> None:
    """As in another region, where the name is free."""
    others = LookAlikes(account.ec2, account.elbv2, account.target_group, account.box.mark)
    others._copied_image(account.debian, image_name("demo-web-app", "dead" * 10, DEAD), VERSION)
    assert images.of_app(aws, "demo-web-app") == []
    assert images.of_release(aws, DEAD, image_name("demo-web-app", "dead" * 10, DEAD)) == []


@pytest.mark.parametrize("state", ["running", "stopping", "stopped"])
@pytest.mark.parametrize("role", ["builder", "tester"])
def test_a_dead_releases_builder_goes_whatever_its_state(
    aws: Aws, account: Account, state: str, role: str
) -> None:
    account.box.script(stop_seconds=100 if state == "stopping" else 1)
    machine = builder(account, role=role)
    account.until(machine, "running")
    if state != "running":
        account.ec2.stop_instances(InstanceIds=[machine])
        account.until(machine, state)
    actions = decide(gather(aws, NONE))
    assert [one.ids for one in actions if one.verb == "terminate"] == [(machine,)]


def test_a_builder_look_alike_with_the_key_was_not_launched_by_us(
    aws: Aws, account: Account
) -> None:
    """More like this, while the builder was there: its key pair is copied as well."""
    real = builder(account)
    key = account.instance(real)["KeyName"]
    marks = {**INHERITED, t.ROLE: "builder"}
    like = account.run(KeyName=key, TagSpecifications=[tags("instance", marks)])
    account.box.mark(like, {"aws:autoscaling:groupName": "legacy"})
    facts = gather(aws, NONE)
    assert [one.id for one in facts.instances] == [real]
    assert [one.id for one in facts.left_alone] == [like]


def test_on_demand_members_without_ec2s_tag_are_the_fleets(aws: Aws, account: Account) -> None:
    release = {"spotkiln:release": DEAD, "spotkiln:role": "server"}
    template = account.ec2.create_launch_template(
        LaunchTemplateName="t",
        LaunchTemplateData={
            "ImageId": account.debian,
            "InstanceType": "t3.micro",
            "TagSpecifications": [tags("instance", release)],
        },
    )["LaunchTemplate"]["LaunchTemplateId"]
    fleet = account.request(
        OnDemandTargetCapacity=2,
        LaunchSpecifications=[],
        LaunchTemplateConfigs=[
            {"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"}}
        ],
        TagSpecifications=[tags("spot-fleet-request", {**INHERITED, "spotkiln:phase": "pending"})],
    )
    account.until_fleet(fleet, "active", "fulfilled")
    members = launchers(aws).each[0].members(fleet)
    assert [one.fleet for one in members] == [fleet, fleet]
    facts = gather(aws, NONE)
    assert {one.id for one in facts.instances} == {one.id for one in members}
    assert facts.left_alone == ()
    assert [one.verb for one in decide(facts)] == ["retire"]
