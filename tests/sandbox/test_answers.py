"""The check that all answers of the sandbox's own operations pass finds what is wrong with one."""

import json
from typing import Any

import pytest
from botocore.model import OperationModel
from moto.core.utils import get_service_model

from tests.sandbox.answers import differences, is_ours


def operation(service: str, name: str) -> OperationModel:
    model: OperationModel = get_service_model(service).operation_model(name)
    return model


def ec2(inside: str) -> bytes:
    space = "http://ec2.amazonaws.com/doc/2016-11-15/"
    return f'<DescribeVolumesResponse xmlns="{space}">{inside}</DescribeVolumesResponse>'.encode()


def found(service: str, name: str, body: bytes) -> str:
    return "; ".join(differences(operation(service, name), body))


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<requestId>1</requestId><volumeSet/>", ""),
        ("<volumeSet><item><size>8</size><encrypted>false</encrypted></item></volumeSet>", ""),
        ("<volumes/>", ".volumes is unknown"),
        ("<volumeSet><member/></volumeSet>", "is called member, not item"),
        ("<volumeSet><item><Size>8</Size></item></volumeSet>", "[0].Size is unknown"),
        ("<volumeSet><item><size>big</size></item></volumeSet>", "'big', not a number"),
        ("<volumeSet><item><encrypted>no</encrypted></item></volumeSet>", "not true or false"),
        ("<volumeSet><item><status>lost</status></item></volumeSet>", "'lost', which is none of"),
    ],
)
def test_ec2s(inside: str, expected: str) -> None:
    told = found("ec2", "DescribeVolumes", ec2(inside))
    assert expected in told
    assert bool(told) == bool(expected)


def test_the_query_protocols() -> None:
    tags = "<TagDescriptions><member><ResourceArn>a</ResourceArn></member></TagDescriptions>"
    body = (
        "<DescribeTagsResponse><DescribeTagsResult>{}</DescribeTagsResult><ResponseMetadata/>"
        "</DescribeTagsResponse>"
    )
    assert found("elbv2", "DescribeTags", body.format(tags).encode()) == ""
    wrong = tags.replace("ResourceArn", "Arn")
    assert "Arn is unknown" in found("elbv2", "DescribeTags", body.format(wrong).encode())
    group = "<AutoScalingGroups><member><MinSize>1</MinSize></member></AutoScalingGroups>"
    body = body.replace("DescribeTags", "DescribeAutoScalingGroups")
    told = found("autoscaling", "DescribeAutoScalingGroups", body.format(group).encode())
    assert "MaxSize is missing" in told


def test_json() -> None:
    body: dict[str, Any] = {"events": [{"message": "x", "timestamp": 1}], "searchedLogStreams": []}
    assert found("logs", "FilterLogEvents", json.dumps(body).encode()) == ""
    body = {"event": [], "searchedLogStreams": {}}
    told = found("logs", "FilterLogEvents", json.dumps(body).encode())
    assert "event is unknown" in told
    assert "not a list" in told


@pytest.mark.parametrize(
    ("service", "name", "ours"),
    [
        ("ec2", "RequestSpotFleet", True),
        ("ec2", "DescribeLaunchTemplates", True),
        ("ec2", "DescribeVpcs", False),
        ("elbv2", "DescribeTargetHealth", True),
        ("elbv2", "ModifyTargetGroup", True),
        ("autoscaling", "DescribeScalingActivities", True),
        ("pricing", "GetProducts", True),
    ],
)
def test_whose_answers_are_held_against_it(service: str, name: str, ours: bool) -> None:
    assert is_ours(operation(service, name)) is ours
