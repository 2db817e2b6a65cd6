"""What AWS says of tags."""

from typing import Any

import pytest

from sandbox.api import tags
from sandbox.client import Sandbox
from sandbox.faults.calls import Call
from tests.sandbox.account import Account
from tests.sandbox.test_instances import refused


def refusal(service: str, operation: str, **parameters: Any) -> bytes:
    """The answer's text; empty for what may be carried out."""
    answer = tags.refusal(Call(1, service, operation, parameters, "a test"))
    return b"" if answer is None else bytes(answer.get_data())


def pairs(*found: tuple[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in found]


@pytest.mark.parametrize(
    ("service", "tag", "text"),
    [
        ("ec2", ("", "x"), b"must not be empty"),
        ("ec2", ("aws:x", "x"), b"reserved for internal use"),
        ("ec2", ("AWS:x", "x"), b"reserved for internal use"),
        ("ec2", ("k" * 129, "x"), b"maximum length of 128"),
        ("ec2", ("k", "x" * 257), b"maximum length of 256"),
        ("elasticloadbalancing", ("k", "x" * 257), b"maximum length of 256"),
        ("elasticloadbalancing", ("k", '{"a": 1}'), b"regular expression"),
        ("elasticloadbalancing", ("a,b", ""), b"regular expression"),
        ("autoscaling", ("aws:x", "x"), b"reserved for internal use"),
    ],
)
def test_what_is_refused(service: str, tag: tuple[str, str], text: bytes) -> None:
    assert text in refusal(service, "CreateTags", Tags=pairs(("good", "one"), tag))


@pytest.mark.parametrize(
    ("service", "tag"),
    [
        ("ec2", ("k" * 128, "x" * 256)),
        ("ec2", ("a", '{"json": [1, 2]}, \u20ac')),
        ("elasticloadbalancing", ("a.b:c/d=e+f-g@h_i", "Gr\u00fc\u00dfe 1 2")),
        ("ssm", ("aws:x", "x")),  # not looked at
    ],
)
def test_what_is_not(service: str, tag: tuple[str, str]) -> None:
    assert refusal(service, "AddTags", Tags=pairs(tag)) == b""


def test_they_are_found_wherever_they_are() -> None:
    given = [{"ResourceType": "instance", "Tags": pairs(("aws:x", "y"))}]
    specification = {"ImageId": "ami-1", "TagSpecifications": given}
    for parameters in (
        {"TagSpecifications": given},
        {"SpotFleetRequestConfig": {"LaunchSpecifications": [specification]}},
        {"LaunchTemplateData": specification},
    ):
        assert b"InvalidParameterValue" in refusal("ec2", "RunInstances", **parameters)


def test_a_key_comes_once_and_there_are_fifty_at_most() -> None:
    twice = pairs(("a", "1"), ("a", "2"))
    assert b"DuplicateTagKeys" in refusal("elasticloadbalancing", "AddTags", Tags=twice)
    many = pairs(*((f"k{n}", "x") for n in range(51)))
    assert b"TagLimitExceeded" in refusal("ec2", "CreateTags", Tags=many)
    assert refusal("ec2", "CreateTags", Tags=many[:50]) == b""
    of_groups = [{**one, "ResourceId": f"group-{n}"} for n, one in enumerate(twice)]
    assert refusal("autoscaling", "CreateOrUpdateTags", Tags=of_groups) == b""


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("i-00000000000000000", "InvalidInstanceID.NotFound"),
        ("ami-00000000000000000", "InvalidAMIID.NotFound"),
        ("sfr-11111111-2222-3333-4444-555555555555", "InvalidSpotFleetRequestId.NotFound"),
        ("eni-00000000000000000", "InvalidNetworkInterfaceID.NotFound"),
        ("lt-00000000000000000", "InvalidLaunchTemplateId.NotFound"),
    ],
)
def test_what_is_tagged_must_be_there(account: Account, resource: str, code: str) -> None:
    refused(account.ec2.create_tags, code, Resources=[resource], Tags=pairs(("a", "b")))
    found = account.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource]}])
    assert found["Tags"] == []


@pytest.mark.sandbox
def test_tags_of_awss_own_services(account: Account, box: Sandbox) -> None:
    instance = account.run()
    own = pairs(("aws:backup:source-resource", "x"))
    refused(account.ec2.create_tags, "InvalidParameterValue", Resources=[instance], Tags=own)
    box.mark(instance, {"aws:backup:source-resource": "x"})
    assert account.instance(instance)["Tags"] == own
    refused(account.ec2.delete_tags, "InvalidParameterValue", Resources=[instance], Tags=own)


@pytest.mark.sandbox
def test_twenty_are_described_at_once(account: Account) -> None:
    arns = [account.target_group] * 21
    refused(account.elbv2.describe_tags, "ValidationError", ResourceArns=arns)
    assert account.elbv2.describe_tags(ResourceArns=arns[:1])["TagDescriptions"]
