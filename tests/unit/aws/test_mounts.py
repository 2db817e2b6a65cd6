"""File systems by name, and whether servers could mount them, against moto."""

from typing import Any

import boto3
import pytest

from spotkiln.aws.bake.mounts import find_mounts
from spotkiln.aws.session import Aws
from spotkiln.bake.mounts import Mount
from spotkiln.cli.doctor.account import examine
from spotkiln.cli.doctor.check import Check
from spotkiln.errors import InputError
from spotkiln.release.release import ReleaseSpec
from tests.unit import nouns

REGION = "eu-west-1"


class Account:
    """Two subnets in two zones, a group of the servers, and file systems."""

    def __init__(self) -> None:
        self.ec2: Any = boto3.client("ec2", REGION)
        self.efs: Any = boto3.client("efs", REGION)
        subnets = self.ec2.describe_subnets()["Subnets"][:2]
        self.subnets = [one["SubnetId"] for one in subnets]
        self.zones = [one["AvailabilityZone"] for one in subnets]
        self.vpc = subnets[0]["VpcId"]
        self.servers = self.group("servers")

    def group(self, name: str) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)
        return str(made["GroupId"])

    def open(self, group: str, port: int, to: str) -> None:
        self.ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": port, "ToPort": port,
                 "UserIdGroupPairs": [{"GroupId": to}]}
            ],
        )  # fmt: skip

    def file_system(self, name: str, subnets: list[str], group: str) -> str:
        made = self.efs.create_file_system(
            CreationToken=f"{name}{len(subnets)}", Tags=[{"Key": "Name", "Value": name}]
        )
        for subnet in subnets:
            self.efs.create_mount_target(
                FileSystemId=made["FileSystemId"], SubnetId=subnet, SecurityGroups=[group]
            )
        return str(made["FileSystemId"])

    def find(self, aws: Aws, **asked: str) -> tuple[Mount, ...]:
        return find_mounts(aws, asked, self.subnets, [self.servers])


@pytest.fixture
def account(aws: Aws) -> Account:
    del aws
    return Account()


@pytest.fixture
def nfs(account: Account) -> str:
    """A group that lets the servers in."""
    group = account.group("nfs")
    account.open(group, 2049, account.servers)
    return group


def test_it_is_found_by_name_or_id(aws: Aws, account: Account, nfs: str) -> None:
    for number in range(12):
        account.file_system(f"other-{number}", [], nfs)
    one = account.file_system("shop-files", account.subnets, nfs)
    source = f"{one}.efs.{REGION}.amazonaws.com"
    assert account.find(aws, uploads="shop-files", media=f"{one}:/media") == (
        Mount(folder="media", name=one, source=f"{source}:/media"),
        Mount(folder="uploads", name="shop-files", source=f"{source}:/"),
    )


def test_nothing_asked_is_nothing_looked_at(aws: Aws, account: Account) -> None:
    assert account.find(aws) == ()


def test_one_that_is_not_there_or_not_the_only_one(aws: Aws, account: Account, nfs: str) -> None:
    account.file_system("shop-files", [], nfs)
    with pytest.raises(InputError, match="no file system 'shop' in eu-west-1; there are: shop-fil"):
        account.find(aws, uploads="shop")
    account.file_system("shop-files", account.subnets, nfs)
    with pytest.raises(InputError, match="expected exactly one file system 'shop-files'"):
        account.find(aws, uploads="shop-files")


def test_each_zone_of_the_servers_needs_a_mount_target(
    aws: Aws, account: Account, nfs: str
) -> None:
    account.file_system("shop-files", account.subnets[:1], nfs)
    with pytest.raises(InputError, match=f"no mount target in {account.zones[1]}, where servers"):
        account.find(aws, uploads="shop-files")


@pytest.mark.parametrize("port", [0, 80])
def test_its_security_groups_must_let_the_servers_in(aws: Aws, account: Account, port: int) -> None:
    closed = account.group("closed")
    if port:
        account.open(closed, port, account.servers)
    account.file_system("shop-files", account.subnets, closed)
    with pytest.raises(InputError, match=rf"no rule of .*{closed}.* reach port 2049: add one"):
        account.find(aws, uploads="shop-files")


def test_doctor_looks_it_up(aws: Aws, account: Account, nfs: str) -> None:
    elb: Any = boto3.client("elbv2", REGION)
    group = elb.create_target_group(
        Name="website", Protocol="HTTP", Port=8080, VpcId=account.vpc, HealthCheckPath="/up"
    )["TargetGroups"][0]["TargetGroupArn"]
    balancer = elb.create_load_balancer(Name="website", Subnets=account.subnets)["LoadBalancers"]
    elb.create_listener(
        LoadBalancerArn=balancer[0]["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    one = account.file_system("shop-files", account.subnets, nfs)
    names = {"target_group": "website", "security_groups": ["servers"]}

    def told(**mounts: str) -> list[Check]:
        spec = ReleaseSpec.model_validate(
            {"app": nouns.app(), "infra": {**names, "mounts": mounts}}
        )
        found = examine("release/shop", aws, spec, reached=False)
        return [check for check in found if check.name == "mounts"]

    assert told() == []
    (found,) = told(uploads="shop-files")
    assert found.detail.startswith(f"uploads on shop-files ({one}.efs.{REGION}.amazonaws.com:/);")
    (missing,) = told(uploads="shop-file")
    assert not missing.ok
    assert "no file system 'shop-file'" in missing.detail
