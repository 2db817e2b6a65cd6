"""File systems (EFS) of the account: made as a person does, and found by name as a release does."""

import boto3
import pytest

from sandbox.client import Sandbox
from spotkiln.aws.bake.mounts import find_mounts
from spotkiln.aws.session import connect
from tests.sandbox.account import Account

pytestmark = [pytest.mark.sandbox]


def test_one_is_found_and_looking_changes_nothing(
    box: Sandbox, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in box.environment.items():
        monkeypatch.setenv(name, value)
    region = box.environment["AWS_DEFAULT_REGION"]
    efs = boto3.client("efs", region)
    subnets = account.ec2.describe_subnets()["Subnets"][:2]
    vpc = subnets[0]["VpcId"]
    servers, theirs = (
        account.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("file-servers", "file-system")
    )
    account.ec2.authorize_security_group_ingress(
        GroupId=theirs,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 2049,
                "ToPort": 2049,
                "UserIdGroupPairs": [{"GroupId": servers}],
            }
        ],
    )
    one = efs.create_file_system(CreationToken="x", Tags=[{"Key": "Name", "Value": "shop-files"}])
    for subnet in subnets:
        efs.create_mount_target(
            FileSystemId=one["FileSystemId"], SubnetId=subnet["SubnetId"], SecurityGroups=[theirs]
        )
    made = [call["operation"] for call in box.calls() if call["service"] == "elasticfilesystem"]
    assert made == ["CreateFileSystem", "CreateMountTarget", "CreateMountTarget"]
    box.clear_calls()
    connect.cache_clear()
    ids = [subnet["SubnetId"] for subnet in subnets]
    (mount,) = find_mounts(connect(region), {"uploads": "shop-files"}, ids, [servers])
    connect.cache_clear()
    assert mount.source == f"{one['FileSystemId']}.efs.{region}.amazonaws.com:/"
    seen = [call for call in box.calls() if call["service"] == "elasticfilesystem"]
    assert {call["operation"] for call in seen} == {
        "DescribeFileSystems",
        "DescribeMountTargets",
        "DescribeMountTargetSecurityGroups",
    }
    assert not any(call["mutating"] for call in box.calls())
    for target in efs.describe_mount_targets(FileSystemId=one["FileSystemId"])["MountTargets"]:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    efs.delete_file_system(FileSystemId=one["FileSystemId"])
