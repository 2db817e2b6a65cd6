"""Which rights a call asks for: actions, resources, and what IAM is told of them."""

from typing import Any, cast

import pytest

from sandbox.rights import ec2, linked, others
from sandbox.rights.asked import Asked
from sandbox.rights.world import World

GROUP = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/website/1"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/website/1/2"
ROLE = "arn:aws:iam::1:role/website"
EC2 = "arn:aws:ec2:eu-west-1:1:"
OURS = {"spotkiln:release": "r1"}


class Known:
    """An account, as far as IAM asks."""

    account_id = "1"
    region = "eu-west-1"

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:eu-west-1:1:{rest}"

    def tags(self, resource_id: str) -> dict[str, str]:
        return OURS if resource_id.endswith("1") else {}

    def template(self, named: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if not {"LaunchTemplateId", "LaunchTemplateName"} & named.keys():
            return "", {}
        tags = [{"Key": "spotkiln:release", "Value": "r1"}]
        number = str(named.get("LaunchTemplateId", "lt-1")).removeprefix("lt-")
        return f"lt-{number}", {
            "ImageId": f"ami-{number}",
            "SecurityGroupIds": ["sg-1"],
            "IamInstanceProfile": {"Name": "website"},
            "TagSpecifications": [{"ResourceType": "instance", "Tags": tags}],
        }

    def default_group(self, subnet_id: str) -> str:
        return "sg-0"

    def any_subnet(self) -> str:
        return "subnet-0"

    def owner(self, image_id: str) -> str:
        return "1"

    def role_in(self, profile: dict[str, Any]) -> str:
        return ROLE

    def role(self, name: str) -> str:
        return f"arn:aws:iam::1:role/{name}"

    def balancing_tags(self, arn: str) -> dict[str, str]:
        return OURS

    def group_tags(self, name: str) -> dict[str, str]:
        return OURS

    def secret(self, secret_id: str) -> str:
        return f"arn of {secret_id}"


WORLD = cast("World", Known())


def asked(service: str, operation: str, **parameters: Any) -> list[Asked]:
    return others.asked(WORLD, service, operation, parameters)


def shown(found: list[Asked]) -> list[str]:
    return [f"{one.action} {one.resource}" for one in found]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        (
            "ssm",
            "GetParametersByPath",
            {"Path": "/shop/a/"},
            ["arn:aws:ssm:eu-west-1:1:parameter/shop/a/"],
        ),
        (
            "ssm",
            "GetParameter",
            {"Name": "plain:3"},
            ["arn:aws:ssm:eu-west-1:1:parameter/plain"],
        ),
        (
            "ssm",
            "GetParameters",
            {"Names": ["/a", "/b"]},
            ["arn:aws:ssm:eu-west-1:1:parameter/a", "arn:aws:ssm:eu-west-1:1:parameter/b"],
        ),
        ("ssm", "DescribeParameters", {}, ["*"]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "a"}, ["arn of a"]),
        ("secretsmanager", "CreateSecret", {"Name": "a"}, ["arn of a"]),
        ("secretsmanager", "ListSecrets", {}, ["*"]),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "/a", "logStreamName": "b"},
            ["arn:aws:logs:eu-west-1:1:log-group:/a:log-stream:b"],
        ),
        ("elasticloadbalancing", "DeregisterTargets", {"TargetGroupArn": GROUP}, [GROUP]),
        ("elasticloadbalancing", "DescribeTargetHealth", {"TargetGroupArn": GROUP}, ["*"]),
        (
            "elasticloadbalancing",
            "AddTags",
            {"ResourceArns": [GROUP, LISTENER]},
            [GROUP, LISTENER],
        ),
        ("ec2", "DescribeInstances", {"InstanceIds": ["i-1"]}, ["*"]),
        (
            "ec2",
            "TerminateInstances",
            {"InstanceIds": ["i-1", "i-2"]},
            [f"{EC2}instance/i-1", f"{EC2}instance/i-2"],
        ),
        ("ec2", "DeregisterImage", {"ImageId": "ami-1"}, ["arn:aws:ec2:eu-west-1::image/ami-1"]),
        ("ec2", "CreateKeyPair", {"KeyName": "k"}, [f"{EC2}key-pair/k"]),
        (
            "ec2",
            "DeleteLaunchTemplate",
            {"LaunchTemplateName": "x"},
            [f"{EC2}launch-template/lt-1"],
        ),
        (
            "ec2",
            "CancelSpotFleetRequests",
            {"SpotFleetRequestIds": ["sfr-1-2"]},
            [f"{EC2}spot-fleet-request/sfr-1-2"],
        ),
        (
            "ec2",
            "CreateImage",
            {"InstanceId": "i-1"},
            [
                "arn:aws:ec2:eu-west-1::image/*",
                f"{EC2}instance/i-1",
                "arn:aws:ec2:eu-west-1::snapshot/*",
            ],
        ),
        ("iam", "GetRole", {"RoleName": "x"}, ["arn:aws:iam::1:role/x"]),
        ("pricing", "GetProducts", {}, ["*"]),
        ("sts", "GetCallerIdentity", {}, []),
    ],
)
def test_what_a_call_is_about(
    service: str, operation: str, parameters: dict[str, Any], expected: list[str]
) -> None:
    found = asked(service, operation, **parameters)
    assert [one.resource for one in found] == expected
    assert {one.action for one in found} <= {f"{service}:{operation}"}


def test_a_creation_with_tags_asks_to_tag_as_well() -> None:
    tags = [{"Key": "spotkiln:release", "Value": "r1"}]
    made, network, tag = asked(
        "ec2",
        "CreateSecurityGroup",
        VpcId="vpc-1",
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )
    assert (made.action, made.resource) == ("ec2:CreateSecurityGroup", f"{EC2}security-group/*")
    assert made.context["aws:requesttag/spotkiln:release"] == ("r1",)
    # The network is not what gets the tags: a condition on them would never hold for it.
    assert network.resource == f"{EC2}vpc/vpc-1"
    assert "aws:requesttag/spotkiln:release" not in network.context
    assert network.context["aws:resourcetag/spotkiln:release"] == ("r1",)
    assert (tag.action, tag.resource) == ("ec2:CreateTags", f"{EC2}security-group/*")
    assert tag.context["ec2:createaction"] == ("CreateSecurityGroup",)
    assert tag.context["aws:tagkeys"] == ("spotkiln:release",)


def test_a_key_pair_with_tags_is_named_before_it_is_there() -> None:
    """As a newer Packer makes it; a right to those of one name alone would not hold otherwise."""
    tags = [{"Key": "spotkiln:release", "Value": "r1"}]
    specifications = [{"ResourceType": "key-pair", "Tags": tags}]
    made, tag = asked("ec2", "CreateKeyPair", KeyName="k", TagSpecifications=specifications)
    assert (made.action, made.resource) == ("ec2:CreateKeyPair", f"{EC2}key-pair/k")
    assert (tag.action, tag.resource) == ("ec2:CreateTags", f"{EC2}key-pair/k")
    assert tag.context["ec2:createaction"] == ("CreateKeyPair",)


def test_a_creation_without_tags_asks_for_none() -> None:
    found = asked("ec2", "CreateSecurityGroup", VpcId="vpc-1")
    assert {one.action for one in found} == {"ec2:CreateSecurityGroup"}


def test_tags_are_judged_by_what_is_there_and_by_what_is_given() -> None:
    (given,) = asked("ec2", "CreateTags", Resources=["i-1"], Tags=[{"Key": "a", "Value": "b"}])
    assert given.context["aws:requesttag/a"] == ("b",)
    assert given.context["aws:resourcetag/spotkiln:release"] == ("r1",)
    assert "ec2:createaction" not in given.context
    (taken,) = asked("ec2", "DeleteTags", Resources=["i-1"], Tags=[{"Key": "a"}])
    assert taken.context["aws:tagkeys"] == ("a",)
    assert "aws:requesttag/a" not in taken.context


def test_a_launch_is_judged_for_all_that_it_uses_and_makes() -> None:
    found = asked(
        "ec2",
        "RunInstances",
        ImageId="ami-2",
        InstanceType="t3.small",
        SubnetId="subnet-1",
        KeyName="k",
        IamInstanceProfile={"Name": "website"},
    )
    assert shown(found) == [
        "ec2:RunInstances arn:aws:ec2:eu-west-1::image/ami-2",
        f"ec2:RunInstances {EC2}subnet/subnet-1",
        f"ec2:RunInstances {EC2}security-group/sg-0",
        f"ec2:RunInstances {EC2}instance/*",
        f"ec2:RunInstances {EC2}network-interface/*",
        f"ec2:RunInstances {EC2}volume/*",
        f"ec2:RunInstances {EC2}key-pair/k",
        f"iam:PassRole {ROLE}",
    ]
    assert found[-1].context["iam:passedtoservice"] == ("ec2.amazonaws.com",)
    machine = found[3].context
    assert machine["ec2:instancetype"] == ("t3.small",)


def test_a_launch_by_a_template_is_what_the_template_says() -> None:
    found = asked("ec2", "RunInstances", LaunchTemplate={"LaunchTemplateId": "lt-1"})
    assert f"ec2:RunInstances {EC2}launch-template/lt-1" in shown(found)
    assert "ec2:RunInstances arn:aws:ec2:eu-west-1::image/ami-1" in shown(found)
    assert f"ec2:CreateTags {EC2}instance/*" in shown(found)
    assert f"iam:PassRole {ROLE}" in shown(found)


def test_a_fleet_is_launched_by_its_own_role() -> None:
    tags = [{"Key": "spotkiln:release", "Value": "r1"}]
    found = asked(
        "ec2",
        "RequestSpotFleet",
        SpotFleetRequestConfig={
            "IamFleetRole": f"{ROLE}-fleet",
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1"},
                    "Overrides": [{"SubnetId": "subnet-1"}, {"SubnetId": "subnet-1"}],
                }
            ],
            "TagSpecifications": [{"ResourceType": "spot-fleet-request", "Tags": tags}],
        },
    )
    assert shown(found) == [
        f"ec2:RequestSpotFleet {EC2}spot-fleet-request/*",
        f"ec2:RequestSpotFleet {EC2}launch-template/lt-1",
        f"ec2:RequestSpotFleet {EC2}subnet/subnet-1",
        f"ec2:CreateTags {EC2}spot-fleet-request/*",
        f"iam:PassRole {ROLE}-fleet",
    ]
    assert found[-1].context["iam:passedtoservice"] == ("spotfleet.amazonaws.com",)


def test_a_group_is_judged_by_what_it_will_launch() -> None:
    found = asked(
        "autoscaling",
        "CreateAutoScalingGroup",
        AutoScalingGroupName="spotkiln-1",
        VPCZoneIdentifier="subnet-1,subnet-2",
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1"},
                "Overrides": [
                    {"InstanceType": "t3.small"},
                    *(
                        {
                            "InstanceType": kind,
                            "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-2"},
                        }
                        for kind in ("t4g.small", "t4g.medium")
                    ),
                ],
            }
        },
    )
    group = "arn:aws:autoscaling:eu-west-1:1:autoScalingGroup:*:autoScalingGroupName/spotkiln-1"
    words = shown(found)
    assert words[0] == f"autoscaling:CreateAutoScalingGroup {group}"
    assert f"ec2:RunInstances {EC2}subnet/subnet-2" in words
    # By each template once in each subnet, of the type that comes first for it.
    for number in ("1", "2"):
        image = f"ec2:RunInstances arn:aws:ec2:eu-west-1::image/ami-{number}"
        template = f"ec2:RunInstances {EC2}launch-template/lt-{number}"
        assert words.count(image) == words.count(template) == 2
    kinds = {x for one in found for x in one.context.get("ec2:instancetype", ())}
    assert kinds == {"t3.small", "t4g.small"}
    assert f"iam:PassRole {ROLE}" in words


def test_a_rule_is_made_at_its_listener_and_tagged_as_a_rule() -> None:
    tags = [{"Key": "spotkiln:app", "Value": "shop"}]
    made, tag = asked("elasticloadbalancing", "CreateRule", ListenerArn=LISTENER, Tags=tags)
    assert made.resource == LISTENER
    assert tag.action == "elasticloadbalancing:AddTags"
    assert tag.resource == f"{LISTENER.replace('listener/', 'listener-rule/')}/*"
    assert tag.context["elasticloadbalancing:createaction"] == ("CreateRule",)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "to"),
    [
        (
            "ec2",
            "AssociateIamInstanceProfile",
            {"InstanceId": "i-1", "IamInstanceProfile": {"Name": "website"}},
            "ec2.amazonaws.com",
        ),
        (
            "ec2",
            "ReplaceIamInstanceProfileAssociation",
            {"AssociationId": "iip-assoc-1", "IamInstanceProfile": {"Name": "website"}},
            "ec2.amazonaws.com",
        ),
        (
            "iam",
            "AddRoleToInstanceProfile",
            {"InstanceProfileName": "x", "RoleName": "website"},
            "ec2.amazonaws.com",
        ),
        (
            "autoscaling",
            "CreateAutoScalingGroup",
            {"AutoScalingGroupName": "x", "ServiceLinkedRoleARN": ROLE},
            "autoscaling.amazonaws.com",
        ),
    ],
)
def test_whoever_hands_a_role_on_needs_the_right_to(
    service: str, operation: str, parameters: dict[str, Any], to: str
) -> None:
    first, *_, last = asked(service, operation, **parameters)
    assert first.action == f"{service}:{operation}"
    assert (last.action, last.resource) == ("iam:PassRole", ROLE)
    assert last.context["iam:passedtoservice"] == (to,)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("autoscaling", "CreateAutoScalingGroup", {}, (linked.SCALING,)),
        ("autoscaling", "CreateAutoScalingGroup", {"ServiceLinkedRoleARN": ROLE}, ()),
        ("ec2", "RequestSpotFleet", {}, (linked.SPOT_FLEET,)),
        ("ec2", "RunInstances", {"InstanceMarketOptions": {"MarketType": "spot"}}, (linked.SPOT,)),
        ("ec2", "RunInstances", {}, ()),
        ("ec2", "CreateFleet", {}, (linked.EC2_FLEET,)),
        (
            "ec2",
            "CreateFleet",
            {"TargetCapacitySpecification": {"DefaultTargetCapacityType": "spot"}},
            (linked.EC2_FLEET, linked.SPOT),
        ),
        (
            "application-autoscaling",
            "RegisterScalableTarget",
            {"ServiceNamespace": "ec2"},
            (linked.OF_FLEETS,),
        ),
        ("ec2", "DescribeInstances", {}, ()),
    ],
)
def test_services_need_a_role_of_their_own(
    service: str, operation: str, parameters: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert linked.used(service, operation, parameters) == expected


def test_the_right_to_make_a_services_role_tells_the_service() -> None:
    found = linked.asked(WORLD, linked.SCALING)
    name = "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    assert shown([found]) == [
        f"iam:CreateServiceLinkedRole arn:aws:iam::1:role/aws-service-role/{name}"
    ]
    assert found.context["iam:awsservicename"] == ("autoscaling.amazonaws.com",)


def test_a_copy_is_judged_with_its_original() -> None:
    """The original may be of another region, and gets none of the tags."""
    given = [
        {"ResourceType": kind, "Tags": [{"Key": "spotkiln:release", "Value": "r2"}]}
        for kind in ("image", "snapshot")
    ]
    found = ec2.asked(
        WORLD,
        "CopyImage",
        {"SourceImageId": "ami-7", "SourceRegion": "eu-north-1", "TagSpecifications": given},
    )
    assert shown(found) == [
        "ec2:CopyImage arn:aws:ec2:eu-north-1::image/ami-7",
        "ec2:CopyImage arn:aws:ec2:eu-west-1::image/*",
        "ec2:CopyImage arn:aws:ec2:eu-west-1::snapshot/*",
        "ec2:CreateTags arn:aws:ec2:eu-west-1::image/*",
        "ec2:CreateTags arn:aws:ec2:eu-west-1::snapshot/*",
    ]
    tag = "aws:requesttag/spotkiln:release"
    assert tag not in found[0].context
    assert all(one.context[tag] == ("r2",) for one in found[1:])
