"""What AWS has told is not asked for again: each of these is a call of every release."""

from collections import Counter
from typing import Any

from spotkiln import tags as t
from spotkiln.aws.bake.infra import named_groups
from spotkiln.aws.bake.instance_types import check_instance_types, kinds
from spotkiln.aws.keep.facts import gather, machines
from spotkiln.aws.keep.living import read_claims
from spotkiln.bake.own import builder_name
from tests.unit import nouns
from tests.unit.nouns import GROUP
from tests.unit.serve.test_calls import Cloud, in_pages

MEMBER = "aws:ec2spot:fleet-request-id"
RELEASE = "app-0123456789ab"


def asked(cloud: Cloud) -> Counter[str]:
    return Counter(operation for operation, _ in cloud.asked)


def types(**parameters: Any) -> dict[str, Any]:
    return {
        "InstanceTypes": [
            {
                "InstanceType": name,
                "VCpuInfo": {"DefaultVCpus": 2},
                "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
            }
            for name in parameters["InstanceTypes"]
        ]
    }


def test_an_instance_type_is_asked_for_once() -> None:
    """First whether it fits the image, then how many vCPUs it has."""
    cloud = Cloud(describe_instance_types=types)
    aws = cloud.aws()
    check_instance_types(aws, ["t3.micro", "t3.small"], "x86_64")
    assert {name: kind.vcpus for name, kind in kinds(aws, ["t3.small", "m5.large"]).items()} == {
        "t3.small": 2, "m5.large": 2,
    }  # fmt: skip
    check_instance_types(aws, ["m5.large"], "x86_64")
    told = [parameters["InstanceTypes"] for _, parameters in cloud.asked]
    assert told == [["t3.micro", "t3.small"], ["m5.large"]]
    # Another account, or another region, is asked on its own.
    other = Cloud(describe_instance_types=types)
    check_instance_types(other.aws(), ["t3.micro"], "x86_64")
    assert len(other.asked) == 1


def test_no_call_names_more_types_than_ec2_takes() -> None:
    cloud = Cloud(describe_instance_types=types)
    assert len(kinds(cloud.aws(), (f"t{n}.micro" for n in range(250)))) == 250
    assert [len(parameters["InstanceTypes"]) for _, parameters in cloud.asked] == [100, 100, 50]


def test_the_two_groups_of_a_pair_are_found_in_one_call() -> None:
    def told(**parameters: Any) -> dict[str, Any]:
        # AWS answers in an order of its own.
        return {
            "TargetGroups": [
                {"TargetGroupName": name, "TargetGroupArn": f"{GROUP}-{name}"}
                for name in sorted(parameters["Names"])
            ]
        }

    cloud = Cloud(describe_target_groups=told, describe_target_group_attributes={"Attributes": []})
    found = named_groups(cloud.aws(), ["website", "green"])
    assert [(one.name, one.arn) for one in found] == [
        ("website", f"{GROUP}-website"), ("green", f"{GROUP}-green"),
    ]  # fmt: skip
    assert asked(cloud)["describe_target_groups"] == 1


def test_one_look_tells_whose_builders_live_and_which_of_their_groups_are_left() -> None:
    """A target group whose ARN is known is not looked up."""
    own = nouns.TAGS | {t.RELEASE: RELEASE, t.ROLE: "builder"}
    groups = [
        {"GroupId": "sg-1", "GroupName": builder_name(RELEASE), "Tags": t.to_aws(own)},
        {"GroupId": "sg-2", "GroupName": "somebody's", "Tags": t.to_aws({t.RELEASE: RELEASE})},
        # The lease of a base image's bake is there, and no release's tag.
        {"GroupId": "sg-3", "GroupName": "base", "Tags": t.to_aws({t.BASE: "rails"})},
    ]
    cloud = Cloud(
        describe_security_groups={"SecurityGroups": groups},
        describe_tags={"TagDescriptions": [{"ResourceArn": GROUP, "Tags": []}]},
        describe_images={"Images": []},
        describe_spot_fleet_requests={"SpotFleetRequestConfigs": []},
        describe_auto_scaling_groups={"AutoScalingGroups": []},
        describe_snapshots={"Snapshots": []},
        describe_instances={"Reservations": []},
        describe_launch_templates={"LaunchTemplates": []},
        describe_key_pairs={"KeyPairs": []},
    )
    aws = cloud.aws()
    vars(aws)["scaling"] = cloud
    aws.time.hear("Wed, 01 May 2024 12:00:00 GMT")
    claims = read_claims(aws, lambda _: frozenset(), ["website"], [GROUP])
    facts = gather(aws, claims.living, claims.tags, claims.builders)
    assert [one.id for one in facts.security_groups] == ["sg-1"]
    assert [one.id for one in facts.left_alone] == ["sg-2"]
    assert set(asked(cloud).values()) == {1}
    assert len(cloud.asked) == 9


def test_of_a_fleet_that_is_there_no_member_is_kept() -> None:
    """There may be thousands; nothing is decided about them."""
    serves, ended = nouns.fleet("sfr-1"), nouns.fleet("sfr-2", state="cancelled")
    for fleet, kept in ((serves, []), (ended, ["i-1", "i-2"])):
        cloud = in_pages("i-1", "i-2", **{MEMBER: fleet.id, t.RELEASE: RELEASE})
        own, others = machines(cloud.aws(), [serves, ended])
        assert [one.id for one in own] == kept
        assert others == []
    # Somebody else's fleet is no reason to leave out what carries our tag.
    cloud = in_pages("i-3", **{MEMBER: "sfr-9", t.RELEASE: RELEASE})
    own, others = machines(cloud.aws(), [serves])
    assert (own, [one.id for one in others]) == ([], ["i-3"])
