"""Tags that instance metadata shows: EC2 refuses keys that it cannot show, wherever they come."""

from typing import Any

import pytest

from tests.sandbox.account import Account, eventually
from tests.sandbox.test_fleet_templates import template
from tests.sandbox.test_instances import refused

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("quick")]

CODE = "InvalidParameterValue"
SHOWN: Any = {"InstanceMetadataTags": "enabled"}
HIDDEN = ("Patch Group", "k8s.io/enabled", "Größe", ".", "..", "_index")
WORDS = (
    "'Patch Group' is not a valid tag key. Tag keys must match pattern "
    r"([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')"
)


def tagged(*keys: str, kind: str = "instance") -> dict[str, Any]:
    tags = [{"Key": key, "Value": "one"} for key in keys]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}


@pytest.mark.parametrize("key", HIDDEN)
def test_none_is_launched_with_such_a_key(account: Account, key: str) -> None:
    asked = {"ImageId": account.debian, "MinCount": 1, "MaxCount": 1, "MetadataOptions": SHOWN}
    for more in ({}, {"DryRun": True}):
        told = refused(account.ec2.run_instances, CODE, **asked, **more, **tagged("good", key))
        assert told.startswith(f"'{key}' is not a valid tag key. ")
    assert account.box.inventory()["instances"]["ids"] == []


def test_by_a_template_neither(account: Account) -> None:
    run: Any = {"MinCount": 1, "MaxCount": 1}
    for made in (
        {"MetadataOptions": SHOWN, **tagged("Patch Group")},
        {"MetadataOptions": SHOWN},
    ):
        by = {"LaunchTemplate": {"LaunchTemplateId": template(account, **made)}}
        more = {} if "TagSpecifications" in made else tagged("Patch Group")
        assert refused(account.ec2.run_instances, CODE, **run, **by, **more) == WORDS
    assert account.box.inventory()["instances"]["ids"] == []


def test_what_metadata_does_not_show_may_have_any_key(account: Account) -> None:
    """Also other things of the same launch."""
    account.run(**tagged("Patch Group", "a/b"))
    account.run(MetadataOptions=SHOWN, **tagged("Patch Group", kind="volume"))
    good = account.run(MetadataOptions=SHOWN, **tagged("a-b_c+d=e,f.g@h:i", "...", "index"))
    shown = account.instance(good)["MetadataOptions"]
    assert shown["InstanceMetadataTags"] == "enabled"


def test_none_gets_one_later(account: Account) -> None:
    shown, other = account.run(MetadataOptions=SHOWN), account.run()
    tag = [{"Key": "Patch Group", "Value": "x"}]
    tags = account.ec2.create_tags
    assert refused(tags, CODE, Resources=[other, shown], Tags=tag) == WORDS
    assert not account.instance(other).get("Tags")
    tags(Resources=[other], Tags=tag)
    modify = account.ec2.modify_instance_metadata_options
    asked: Any = {"InstanceId": other, "HttpTokens": "required", **SHOWN}
    assert refused(modify, CODE, **asked) == WORDS
    assert account.instance(other)["MetadataOptions"]["HttpTokens"] == "optional"
    account.ec2.delete_tags(Resources=[other], Tags=tag)
    modify(**asked)
    assert refused(tags, CODE, Resources=[other], Tags=tag) == WORDS
    modify(InstanceId=other, InstanceMetadataTags="disabled")
    tags(Resources=[other], Tags=tag)


def test_a_fleet_and_a_group_tell_why_they_launch_none(account: Account) -> None:
    made = template(account, MetadataOptions=SHOWN, **tagged("Patch Group"))
    configs = [{"LaunchTemplateSpecification": {"LaunchTemplateId": made, "Version": "1"}}]
    fleet = account.request(LaunchSpecifications=[], LaunchTemplateConfigs=configs)
    account.until_fleet(fleet, "active", "error")
    told = [one["EventInformation"].get("EventDescription", "") for one in account.events(fleet)]
    assert any(WORDS in one for one in told)
    at_once = account.ec2.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=configs,
        TargetCapacitySpecification={"TotalTargetCapacity": 1},
    )
    assert {(one["ErrorCode"], one["ErrorMessage"]) for one in at_once["Errors"]} == {(CODE, WORDS)}
    account.make_group("shown", template=made)
    (failed, *_) = eventually(lambda: account.activities("shown"), what="an activity")
    assert failed["StatusCode"] == "Failed"
    assert WORDS in failed["StatusMessage"]
