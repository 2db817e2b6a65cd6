"""A launch template of the user's own, as the base of ours."""

import base64
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve.launch_template import launch_template_request
from spotkiln.bake.own_template import OwnTemplate, problems, require_usable
from spotkiln.errors import InputError
from spotkiln.serve.order import Order, settings_digest
from spotkiln.serve.role import server_user_data
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns, shapes
from tests.unit.nouns import TAGS

SCRIPT = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()


def template(version: int = 3, /, **data: Any) -> OwnTemplate:
    return OwnTemplate(id="lt-9", name="acme", version=version, data=data)


def request(own: OwnTemplate | None, **fleet: Any) -> dict[str, Any]:
    spec = FleetSpec.model_validate(fleet)
    order = Order(
        wanted=spec, asked=spec, image=nouns.image(), infra=nouns.infra(template=own), tags=TAGS
    )
    asked = launch_template_request(order)
    assert shapes.problems("ec2", "CreateLaunchTemplate", asked) == []
    return dict(asked["LaunchTemplateData"])


def test_what_it_says_of_machines_is_taken_over_and_what_is_ours_is_not() -> None:
    theirs: dict[str, Any] = {
        "ImageId": "ami-theirs",
        "InstanceType": "m5.large",
        "SecurityGroupIds": ["sg-theirs"],
        "KeyName": "theirs",
        "IamInstanceProfile": {"Name": "theirs"},
        "Monitoring": {"Enabled": True},
        "Placement": {"Tenancy": "dedicated"},
        "CreditSpecification": {"CpuCredits": "unlimited"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}],
        "MetadataOptions": {
            "State": "pending",
            "HttpTokens": "optional",
            "HttpPutResponseHopLimit": 2,
        },
        "UserData": SCRIPT,
    }
    plain, found = request(None), request(template(**theirs))
    assert {key: value for key, value in found.items() if plain.get(key) != value} == {
        "Monitoring": {"Enabled": True},
        "Placement": {"Tenancy": "dedicated"},
        "CreditSpecification": {"CpuCredits": "unlimited"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}],
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 2,
            "InstanceMetadataTags": "enabled",
        },
        "UserData": base64.b64encode(b"#!/bin/sh\n# spotkiln-role: server\necho hello\n").decode(),
    }
    assert plain.keys() <= found.keys()


def test_tags_of_both_are_on_servers_and_ours_win() -> None:
    theirs = [
        {"ResourceType": "instance", "Tags": t.to_aws({"Name": "theirs", "Backup": "no"})},
        {"ResourceType": "network-interface", "Tags": t.to_aws({"Backup": "no"})},
    ]
    found = request(template(TagSpecifications=theirs))["TagSpecifications"]
    tags = {one["ResourceType"]: t.from_aws(one["Tags"]) for one in found}
    assert (tags["instance"]["Name"], tags["instance"]["Backup"]) == ("demo-web-app", "no")
    assert tags["network-interface"] == {"Backup": "no"}
    assert "Backup" not in tags["volume"]


def test_the_deployment_says_more_of_a_disk_than_the_template() -> None:
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp2"}}
    data = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 50}}
    found = request(template(BlockDeviceMappings=[data, root]), disk={"size_gib": 30})
    assert found["BlockDeviceMappings"] == [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"DeleteOnTermination": True, "VolumeSize": 30, "VolumeType": "gp2"},
        },
        data,
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"NetworkInterfaces": [{"DeviceIndex": 0}]}, "network interfaces"),
        ({"InstanceMarketOptions": {"MarketType": "spot"}}, "asks for Spot itself"),
        ({"DisableApiTermination": True}, "no release could end them"),
        ({"InstanceInitiatedShutdownBehavior": "stop"}, "stopped"),
        ({"Placement": {"AvailabilityZone": "eu-west-1a"}}, "in one zone"),
        ({"Placement": {"Tenancy": "host"}}, "on one host"),
        ({"MetadataOptions": {"HttpEndpoint": "disabled"}}, "turns instance metadata off"),
        ({"UserData": "aGVsbG8="}, "its user data are of a kind"),
        (
            {"TagSpecifications": [{"ResourceType": "volume", "Tags": t.to_aws({t.RUN: "1"})}]},
            "Spotkiln's own: spotkiln:run",
        ),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": t.to_aws({"a b": "1"})}]},
            "cannot show: a b",
        ),
    ],
)
def test_what_no_server_could_be_launched_by_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=r"launch template acme \(version 3\)") as caught:
        require_usable(template(**data), server_user_data())
    assert said in str(caught.value)


def test_all_reasons_are_told_at_once() -> None:
    both = template(DisableApiTermination=True, NetworkInterfaces=[{}])
    assert len(problems(both, server_user_data())) == 2


def test_what_counts_of_it_is_told() -> None:
    found = template(Monitoring={"Enabled": True}, ImageId="ami-1", KeyName="", UserData=SCRIPT)
    assert found.in_words == (
        "launch template acme (version 3): servers get its Monitoring, UserData; ImageId not, for "
        "the deployment says"
    )


def test_another_version_is_a_change_of_settings() -> None:
    spec = FleetSpec()
    three, four = nouns.infra(template=template()), nouns.infra(template=template(4))
    assert len({settings_digest(spec, one) for one in (three, four, nouns.infra())}) == 3
