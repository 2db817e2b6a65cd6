"""Images of arm64 beside those of x86-64, and both in one fleet or group."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.client import Sandbox
from tests.sandbox.account import DEBIAN, Account, eventually
from tests.sandbox.test_instances import refused

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("quick")]

BOTH = {"t3.micro": "x86_64", "t4g.micro": "arm64"}
SMALL = {
    "VCpuCount": {"Min": 2, "Max": 2},
    "MemoryMiB": {"Min": 2048, "Max": 4096},
    "BurstablePerformance": "included",
    "AllowedInstanceTypes": ["t3.*", "t4g.*"],
}
MISMATCH = (
    "The architecture 'x86_64' of the specified instance type does not match the architecture "
    "'arm64' of the specified AMI."
)


@pytest.fixture
def arm(account: Account) -> str:
    wanted = [{"Name": "name", "Values": ["debian-13-arm64-*"]}]
    (found,) = account.ec2.describe_images(Owners=[DEBIAN], Filters=wanted)["Images"]
    assert found["Architecture"] == "arm64"
    return str(found["ImageId"])


@pytest.fixture
def templates(account: Account, arm: str) -> dict[str, str]:
    """One of each architecture."""
    return {
        "x86_64": account.template("ours"),
        "arm64": account.template("ours-arm64", ImageId=arm, InstanceType="t4g.micro"),
    }


def named(template: str) -> dict[str, Any]:
    return {"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"}}


def configs(
    templates: dict[str, str], types: dict[str, str] = BOTH, **place: str
) -> list[dict[str, Any]]:
    """Of a fleet: each type by the template of its architecture."""
    return [
        {**named(templates[architecture]), "Overrides": [{"InstanceType": kind, **place}]}
        for kind, architecture in types.items()
    ]


def launched(account: Account, ids: list[str]) -> set[tuple[str, str, str, str]]:
    """Type, architecture, image, and the launch template that the server's own tag names."""
    found = set()
    for one in map(account.instance, ids):
        tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        template = tags["aws:ec2launchtemplate:id"]
        found.add((one["InstanceType"], one["Architecture"], one["ImageId"], template))
    return found


def each(account: Account, arm: str, templates: dict[str, str]) -> set[tuple[str, str, str, str]]:
    return {
        ("t3.micro", "x86_64", account.debian, templates["x86_64"]),
        ("t4g.micro", "arm64", arm, templates["arm64"]),
    }


# -- images --


def test_an_image_is_of_the_architecture_of_what_it_was_made_of(account: Account, arm: str) -> None:
    instance = account.run(arm, InstanceType="t4g.micro")
    assert account.instance(instance)["Architecture"] == "arm64"
    account.until(instance, "running")
    wanted = [{"Name": "architecture", "Values": ["arm64"]}]
    for asked in ({"Filters": wanted}, {"InstanceIds": [instance]}):
        found = account.ec2.describe_instances(**asked)["Reservations"]
        assert [one["InstanceId"] for x in found for one in x["Instances"]] == [instance]
    image = account.make_image(instance)
    eventually(lambda: account.image(image)["State"] == "available", what="the image")
    copy = account.ec2.copy_image(SourceImageId=image, SourceRegion="eu-west-1", Name="copy")
    own = account.ec2.describe_images(Owners=["self"], Filters=wanted)["Images"]
    assert {one["ImageId"] for one in own} == {image, copy["ImageId"]}
    assert {one["Architecture"] for one in own} == {"arm64"}
    refused(account.run, "InvalidParameterValue", image=image)
    with pytest.raises(ClientError, match=MISMATCH):
        account.run(image, InstanceType="t3.micro", DryRun=True)


# -- Spot fleets --


def test_one_fleet_launches_both(account: Account, arm: str, templates: dict[str, str]) -> None:
    fleet = account.request(
        AllocationStrategy="diversified",
        LaunchSpecifications=[],
        LaunchTemplateConfigs=configs(templates, SubnetId=account.subnets()["eu-west-1b"]),
    )
    ids = account.running_members(fleet)
    assert launched(account, ids) == each(account, arm, templates)
    for one in ids:
        account.until_health(one, "healthy")


def test_requirements_find_types_of_each_templates_image(
    account: Account, templates: dict[str, str]
) -> None:
    zone = {"SubnetId": account.subnets()["eu-west-1b"]}
    fleet = account.request(
        TargetCapacity=4,
        AllocationStrategy="diversified",
        LaunchSpecifications=[],
        LaunchTemplateConfigs=[
            {**named(one), "Overrides": [{"InstanceRequirements": SMALL, **zone}]}
            for one in templates.values()
        ],
    )
    found = map(account.instance, account.running_members(fleet, 4))
    told = {(one["Architecture"], one["InstanceType"]) for one in found}
    assert told == {
        *(("x86_64", "t3.small"), ("x86_64", "t3.medium")),
        *(("arm64", "t4g.small"), ("arm64", "t4g.medium")),
    }


def test_a_type_of_another_architecture_is_left_out_of_a_fleet(
    account: Account, templates: dict[str, str]
) -> None:
    wrong = {"t3.micro": "x86_64", "t3.small": "arm64"}
    fleet = account.request(
        LaunchSpecifications=[], LaunchTemplateConfigs=configs(templates, wrong)
    )
    ids = account.running_members(fleet)
    assert {account.instance(one)["InstanceType"] for one in ids} == {"t3.micro"}
    account.until_fleet(fleet, "active", "fulfilled")
    told = account.events(fleet, "information")
    assert {one["EventInformation"]["EventSubType"] for one in told} == {
        "launchSpecTemporarilyBlacklisted"
    }
    texts = [one["EventInformation"]["EventDescription"] for one in told]
    assert len(texts) == len(account.subnets())
    assert all(one.startswith("t3.small, ami-") and MISMATCH in one for one in texts)
    assert account.events(fleet, "error") == []


def test_a_fleet_of_nothing_but_wrong_types_says_so(
    account: Account, templates: dict[str, str]
) -> None:
    config = configs(templates, {"t3.micro": "arm64"})
    fleet = account.request(LaunchSpecifications=[], LaunchTemplateConfigs=config)
    account.until_fleet(fleet, "active", "error")
    (error,) = account.events(fleet, "error")
    assert error["EventInformation"]["EventSubType"] == "spotFleetRequestConfigurationInvalid"
    assert MISMATCH in error["EventInformation"]["EventDescription"]


def test_a_fleet_goes_on_with_the_image_that_is_still_there(
    account: Account, templates: dict[str, str]
) -> None:
    instance = account.run()
    account.until(instance, "running")
    gone = account.make_image(instance)
    eventually(lambda: account.image(gone)["State"] == "available", what="the image")
    other = account.template("gone", ImageId=gone)
    account.ec2.deregister_image(ImageId=gone)
    parts = [{**named(other), "Overrides": [{"InstanceType": "t3.small"}]}]
    parts += configs(templates, {"t4g.micro": "arm64"})
    fleet = account.request(LaunchSpecifications=[], LaunchTemplateConfigs=parts)
    ids = account.running_members(fleet)
    assert {account.instance(one)["Architecture"] for one in ids} == {"arm64"}
    told = account.events(fleet, "information")[0]["EventInformation"]
    assert "InvalidAMIID.NotFound" in told["EventDescription"]


def test_an_instant_fleet_launches_both_and_tells_what_does_not_fit(
    account: Account, arm: str, templates: dict[str, str]
) -> None:
    answer = account.ec2.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=configs(
            templates, {**BOTH, "t3.small": "arm64"}, SubnetId=account.subnets()["eu-west-1b"]
        ),
        SpotOptions={"AllocationStrategy": "diversified"},
        TargetCapacitySpecification={
            "TotalTargetCapacity": 2,
            "DefaultTargetCapacityType": "spot",
        },
    )
    ids = [one for each in answer["Instances"] for one in each["InstanceIds"]]
    assert launched(account, ids) == each(account, arm, templates)
    assert {one["ErrorCode"] for one in answer["Errors"]} == {"InvalidParameterValue"}
    for one in answer["Errors"]:
        overrides = one["LaunchTemplateAndOverrides"]["Overrides"]
        assert (overrides["InstanceType"], MISMATCH in one["ErrorMessage"]) == ("t3.small", True)


# -- Auto Scaling groups --


def group(account: Account, templates: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Its own launch template is that of x86-64; `overrides` may name the other one."""
    overrides = changes.pop("overrides")
    distribution = {"OnDemandAllocationStrategy": "lowest-price"}
    asked = account.group_config("both", templates["x86_64"], distribution=distribution, **changes)
    asked["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"] = overrides
    return asked


def by_type(templates: dict[str, str], types: dict[str, str] = BOTH) -> list[dict[str, Any]]:
    return [{"InstanceType": kind, **named(templates[x])} for kind, x in types.items()]


def test_one_group_launches_both(
    account: Account, box: Sandbox, arm: str, templates: dict[str, str]
) -> None:
    overrides = by_type(templates)
    del overrides[0]["LaunchTemplateSpecification"]  # by the policy's own
    box.capacity(1, instance_type="t3.micro")
    box.capacity(1, instance_type="t4g.micro")
    account.scaling.create_auto_scaling_group(**group(account, templates, overrides=overrides))
    ids = account.in_service("both")
    assert launched(account, ids) == each(account, arm, templates)
    shown = account.group("both")
    told = {
        (one["InstanceType"], one["LaunchTemplate"]["LaunchTemplateId"])
        for one in shown["Instances"]
    }
    assert told == {("t3.micro", templates["x86_64"]), ("t4g.micro", templates["arm64"])}
    policy = shown["MixedInstancesPolicy"]["LaunchTemplate"]
    assert policy["Overrides"][1] == overrides[1]


def test_an_update_brings_the_other_architecture(
    account: Account, templates: dict[str, str]
) -> None:
    account.make_group("both", template=templates["x86_64"], types=["t3.micro"])
    account.in_service("both")
    changed = group(
        account, templates, overrides=by_type(templates, {"t4g.micro": "arm64"}), DesiredCapacity=3
    )
    del changed["TargetGroupARNs"]
    account.scaling.update_auto_scaling_group(**changed)
    new = account.in_service("both", 3)
    kinds = sorted(account.instance(one)["Architecture"] for one in new)
    assert kinds == ["arm64", "x86_64", "x86_64"]


def test_each_set_of_requirements_picks_types_of_its_templates_image(
    account: Account, templates: dict[str, str]
) -> None:
    sets = [{"InstanceRequirements": SMALL, **named(one)} for one in templates.values()]
    asked = group(account, templates, overrides=sets[1:], DesiredCapacity=1)
    account.scaling.create_auto_scaling_group(**asked)
    (one,) = account.in_service("both", 1)
    assert account.instance(one)["Architecture"] == "arm64"
    # Up to four sets are allowed.
    create = account.scaling.create_auto_scaling_group
    more = {**group(account, templates, overrides=sets * 2), "AutoScalingGroupName": "four"}
    create(**{**more, "MinSize": 0, "DesiredCapacity": 0})
    policy = more["MixedInstancesPolicy"]["LaunchTemplate"]
    policy["Overrides"] = [*sets, *sets, sets[0]]
    with pytest.raises(ClientError, match="at most 4 sets of InstanceRequirements"):
        create(**{**more, "AutoScalingGroupName": "five"})


def test_a_group_whose_type_does_not_fit_is_refused(
    account: Account, templates: dict[str, str]
) -> None:
    overrides = by_type(templates, {"t3.micro": "arm64"})
    with pytest.raises(ClientError, match=MISMATCH) as error:
        account.scaling.create_auto_scaling_group(**group(account, templates, overrides=overrides))
    assert error.value.response["Error"]["Code"] == "ValidationError"
    missing = {"LaunchTemplateId": "lt-00000000000000000", "Version": "1"}
    overrides = [{"InstanceType": "t4g.micro", "LaunchTemplateSpecification": missing}]
    with pytest.raises(ClientError, match="valid fully-formed launch template"):
        account.scaling.create_auto_scaling_group(**group(account, templates, overrides=overrides))


def test_a_template_that_changes_later_fails_its_launches(account: Account, arm: str) -> None:
    template = account.template("moving")
    asked = account.group_config("later", template, types=["t3.micro"], DesiredCapacity=0)
    source = asked["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    source["Version"] = "$Latest"
    account.scaling.create_auto_scaling_group(**asked)
    account.ec2.create_launch_template_version(
        LaunchTemplateId=template, LaunchTemplateData={"ImageId": arm, "InstanceType": "t4g.micro"}
    )
    # It is found out at the launch that follows, not by SetDesiredCapacity.
    account.scaling.set_desired_capacity(AutoScalingGroupName="later", DesiredCapacity=1)
    failed = eventually(lambda: account.activities("later"), what="an activity")[0]
    assert failed["StatusCode"] == "Failed"
    assert failed["StatusMessage"].startswith(
        f"Could not launch Spot Instances. InvalidParameterValue - {MISMATCH}"
    )
    account.scaling.delete_auto_scaling_group(AutoScalingGroupName="later", ForceDelete=True)
