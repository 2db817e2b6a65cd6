"""What nobody knows is refused with AWS's code, and not with one that clients try again."""

import json
from typing import Any

import pytest

from sandbox.api import capabilities, ids, refused
from sandbox.faults.calls import Call
from tests.sandbox.account import Account
from tests.sandbox.test_instances import refused as refusal

NOTHING = [{"Name": "misspelt", "Values": ["x"]}]


def call(service: str, operation: str, **parameters: Any) -> Call:
    return Call(1, service, operation, parameters, "a test")


def told(answer: Any) -> tuple[int, bool]:
    """Status, and whether it names the code in XML."""
    return answer.status_code, b"<Code>" in answer.get_data()


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "DescribeNonsense", b"<Code>InvalidAction</Code>"),
        ("ec2", "GetSpotPlacementScores", b"<Code>UnsupportedOperation</Code>"),
        ("monitoring", "DescribeAnomalyDetectors", b"UnsupportedOperation"),
        ("ssm", "StartSession", b'"__type": "UnsupportedOperationException"'),
        ("lightsail", "GetInstances", b'"__type": "UnsupportedOperationException"'),
    ],
)
def test_an_operation(service: str, operation: str, code: bytes) -> None:
    answer = refused.after(call(service, operation), NotImplementedError("The action"))
    assert answer is not None
    assert answer.status_code == 400
    assert code in answer.get_data()


def test_a_service_that_nobody_has() -> None:
    answer = refused.after(call("lightsail", "GetInstances"), AttributeError("NoneType"))
    assert answer is not None
    assert told(answer) == (400, False)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("ec2", "DescribeSubnets", {"NextToken": "x"}, b"<Code>InvalidNextToken</Code>"),
        ("elasticloadbalancing", "DescribeRules", {"Marker": "x"}, b"<Code>ValidationError</Code>"),
        ("secretsmanager", "ListSecrets", {"NextToken": "x"}, b"InvalidNextTokenException"),
    ],
)
def test_a_token(service: str, operation: str, parameters: dict[str, Any], code: bytes) -> None:
    answer = refused.after(call(service, operation, **parameters), ValueError("x is not in list"))
    assert answer is not None
    assert answer.status_code == 400
    assert code in answer.get_data()


def test_a_parameter_that_is_missing() -> None:
    answer = refused.after(call("ec2", "AttachVolume", VolumeId="vol-12345678"), KeyError("Device"))
    assert answer is not None
    assert b"<Code>MissingParameter</Code>" in answer.get_data()


def test_a_fault_of_the_sandbox_stays_one() -> None:
    assert refused.after(call("ec2", "DescribeSubnets"), KeyError("what is this?")) is None


@pytest.mark.parametrize(
    ("operation", "name", "known"),
    [
        ("DescribeInstances", "instance-lifecycle", True),
        ("DescribeInstances", "tag:spotkiln:app", True),
        ("DescribeInstances", "instance-lifecicle", False),
        ("DescribeVolumes", "tag:Name", True),
        ("DescribeVolumes", "tag-value", True),
        ("DescribeTags", "resource-id", True),
        ("DescribeTags", "resource", False),
        ("DescribeAvailabilityZones", "zone-type", True),
        ("DescribeAvailabilityZones", "tag:Name", False),
    ],
)
def test_filters_are_those_of_the_documentation(operation: str, name: str, known: bool) -> None:
    filtered = call("ec2", operation, Filters=[{"Name": name, "Values": ["x"]}])
    assert (refused.filters(filtered) is None) is known


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "text"),
    [
        ("DescribeInstances", {"InstanceIds": ["i-12345678", "None"]}, "InvalidInstanceID", "None"),
        ("DescribeSubnets", {"SubnetIds": ["subnet-1"]}, "InvalidSubnetID", "subnet-1"),
        ("DeleteSecurityGroup", {"GroupId": "default"}, "InvalidGroupId", "default"),
        ("RunInstances", {"SecurityGroupIds": ["default"]}, "InvalidGroupId", "default"),
        (
            "DescribeLaunchTemplates",
            {"LaunchTemplateIds": ["mine"]},
            "InvalidLaunchTemplateId",
            "mine",
        ),
        ("DescribeSnapshots", {"SnapshotIds": ["snap-xyz"]}, "InvalidSnapshotID", "snap-xyz"),
    ],
)
def test_an_id_that_is_none(
    operation: str, parameters: dict[str, Any], code: str, text: str
) -> None:
    answer = ids.refusal(call("ec2", operation, **parameters))
    assert answer is not None
    assert told(answer) == (400, True)
    assert f"<Code>{code}.Malformed</Code>".encode() in answer.get_data()
    assert f'Invalid id: "{text}"'.encode() in answer.get_data()


@pytest.mark.parametrize(
    "parameters",
    [
        # As Packer 1.6.6 sends where it was given none.
        {"GroupName": "packer", "VpcId": ""},
        {"InstanceIds": ["i-12345678", "i-0123456789abcdef0"]},
        {"ImageId": "resolve:ssm:/golden"},
        {"GroupName": "default", "SecurityGroups": ["default"]},
        {"LaunchTemplateName": "mine"},
        {"SubnetId": None},
    ],
)
def test_an_id_that_may_be_one(parameters: dict[str, Any]) -> None:
    assert ids.refusal(call("ec2", "RunInstances", **parameters)) is None


ROLE = {"Type": "AWS::IAM::Role", "Properties": {"Path": "/"}}
NAMED = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "worker"}}
GROUP = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupName": "web"}}


@pytest.mark.parametrize(
    ("resource", "said", "missing"),
    [
        (ROLE, [], "CAPABILITY_IAM"),
        (ROLE, ["CAPABILITY_IAM"], ""),
        (ROLE, ["CAPABILITY_NAMED_IAM"], ""),
        (NAMED, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
        (NAMED, ["CAPABILITY_NAMED_IAM"], ""),
        (GROUP, [], ""),
    ],
)
def test_a_stack_with_roles_needs_a_word_of_whoever_makes_it(
    resource: dict[str, Any], said: list[str], missing: str
) -> None:
    body = json.dumps({"Resources": {"Only": resource}})
    asked = call("cloudformation", "CreateStack", TemplateBody=body, Capabilities=said)
    answer = capabilities.refusal(asked)
    assert (answer is not None) is bool(missing)
    if answer is not None:
        assert told(answer) == (400, True)
        assert f"Requires capabilities : [{missing}]".encode() in answer.get_data()


@pytest.mark.sandbox
def test_they_are_refused_by_what_answers(account: Account) -> None:
    ec2 = account.ec2
    for describe in (ec2.describe_instances, ec2.describe_tags, ec2.describe_volumes):
        refusal(describe, "InvalidParameterValue", Filters=NOTHING)
        refusal(describe, "InvalidNextToken", NextToken="garbage")
    refusal(ec2.describe_images, "InvalidNextToken", NextToken="garbage")
    known = [{"Name": "affinity", "Values": ["default"]}]
    text = refusal(ec2.describe_instances, "InvalidParameterValue", Filters=known)
    assert "not known to the sandbox" in text
    refusal(
        ec2.get_spot_placement_scores,
        "UnsupportedOperation",
        TargetCapacity=1,
        InstanceTypes=["t3.micro"],
    )
    refusal(ec2.terminate_instances, "InvalidInstanceID.Malformed", InstanceIds=["None"])
    refusal(account.client("lightsail").get_instances, "UnsupportedOperationException")


@pytest.mark.sandbox
def test_messages_name_ids_and_nothing_of_python(account: Account) -> None:
    volume, group = "vol-00000000000000000", "sg-00000000000000000"
    text = refusal(account.ec2.describe_volumes, "InvalidVolume.NotFound", VolumeIds=[volume])
    assert text == f"The volume '{volume}' does not exist."
    describe = account.ec2.describe_security_groups
    text = refusal(describe, "InvalidGroup.NotFound", GroupIds=[group])
    assert f"'{group}'" in text
    assert "{" not in text
    two = ["i-00000000000000000", "i-00000000000000001"]
    text = refusal(account.ec2.describe_instances, "InvalidInstanceID.NotFound", InstanceIds=two)
    assert text == f"The instance IDs '{two[0]}, {two[1]}' do not exist"
    snapshot, gone = "snap-00000000000000000", "InvalidSnapshot.NotFound"
    tag = {"Tags": [{"Key": "a", "Value": "b"}]}
    for call_, named in (
        (account.ec2.describe_snapshots, {"SnapshotIds": [snapshot]}),
        (account.ec2.delete_snapshot, {"SnapshotId": snapshot}),
        (account.ec2.create_tags, {"Resources": [snapshot], **tag}),
    ):
        assert refusal(call_, gone, **named) == f"The snapshot '{snapshot}' does not exist."
    key = "key-00000000000000000"
    refusal(account.ec2.create_tags, "InvalidKeyPair.NotFound", Resources=[key], **tag)
