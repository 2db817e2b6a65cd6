"""Bad input ends before anything costs money, in one clear sentence.

One of each kind is played as a run of the flow; the rest is what its steps would say.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.release.looking import why_not
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

Change = dict[str, Any]


def app(world: World, **changes: Any) -> Change:
    return {"app": {**world.parameters("v1")["app"], **changes}}


def refused(world: World, changes: Change) -> str:
    """The error of a release that must end without having made anything."""
    before = world.box.inventory()
    world.box.clear_calls()
    answer = world.zygote.start("release", {**world.parameters("v1"), **changes}).result()
    assert "error" in answer, answer
    made = [
        x["operation"]
        for x in world.box.calls()
        if x["mutating"] and not x["error"] and x["operation"] not in {"AddTags", "RemoveTags"}
    ]
    assert made == []
    assert world.box.inventory() == before
    return str(answer["error"])


def wrong(world: World, folder: Path, changes: Change) -> str:
    """What the steps of such a release say."""
    error = why_not(world, folder, {**world.parameters("v1"), **changes})
    assert error
    return error


def test_a_run_ends_with_it(world: World) -> None:
    error = refused(world, app(world, name="Not A Name"))
    assert "name" in error
    assert "pattern" in error
    error = refused(world, app(world, ref="nowhere"))
    for word in ("InputError", "no branch, tag or commit 'nowhere'", "v1", "v2"):
        assert word in error
    error = refused(world, {"infra": {"target_group": "shop"}})
    for word in ("InputError", "no target group 'shop'", "website"):
        assert word in error


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"repository": "/nonexistent/repository"}, ["cannot reach the repository"]),
        ({"port": 4000}, ["does not fit", "port 3000", "listens on 4000"]),
        ({"health_path": "/health"}, ["does not fit", "asks for /up", "/health"]),
    ],
)
def test_of_the_application(
    world: World, tmp_path: Path, changes: Change, words: list[str]
) -> None:
    error = wrong(world, tmp_path, app(world, **changes))
    for word in words:
        assert word in error


@pytest.mark.parametrize(
    ("infra", "words"),
    [
        ({"security_groups": ["default", "Nobody"]}, ["no security group 'Nobody'", "Rails App"]),
        ({"fleet_role": "nobody"}, ["no IAM role 'nobody'", "spotfleet.amazonaws.com"]),
        ({"fleet_role": "website"}, ["does not trust spotfleet.amazonaws.com"]),
        ({"instance_profile": "nobody"}, ["no instance profile 'nobody'"]),
        ({"key_pair": "nobody"}, ["no key pair 'nobody'", "demo"]),
        ({"base_image": "python-base*"}, ["no available image named 'python-base*'"]),
        ({"region": "nowhere"}, ["region"]),
        ({"mounts": {"uploads": "nobody"}}, ["no file system 'nobody'", "there are: none"]),
    ],
)
def test_of_names(world: World, tmp_path: Path, infra: Change, words: list[str]) -> None:
    error = wrong(world, tmp_path, {"infra": infra})
    for word in words:
        assert word in error


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        ({"capacity": 0}, ["capacity", "greater than or equal to 1"]),
        ({"instance_types": ["t3.enormous"]}, ["t3.enormous"]),
        ({"instance_types": ["t4g.micro"]}, ["x86_64", "t4g.micro"]),
        (
            {"attributes": {"vcpus": 64, "most_vcpus": 64, "memory_gib": 1, "most_memory_gib": 1}},
            ["no instance type of", "has 64 vCPUs, 1 GiB for x86_64", "burstable"],
        ),
        ({"on_demand": 3}, ["on_demand is 3", "capacity of 2"]),
        ({"capacitty": 2}, ["capacitty", "not permitted"]),
    ],
)
def test_of_the_fleet(world: World, tmp_path: Path, fleet: Change, words: list[str]) -> None:
    error = wrong(world, tmp_path, {"fleet": fleet})
    for word in words:
        assert word in error


def test_several_matches_are_listed(world: World, tmp_path: Path) -> None:
    ec2 = world.account.ec2
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    second = ec2.create_security_group(GroupName="other", Description="x", VpcId=vpc)["GroupId"]
    ec2.create_tags(Resources=[second], Tags=[{"Key": "Name", "Value": "Rails App"}])
    try:
        error = wrong(world, tmp_path, {})
    finally:
        ec2.delete_security_group(GroupId=second)
    assert "expected exactly one security group 'Rails App'" in error
    assert "found 2" in error
    assert second in error


def test_a_target_group_without_a_load_balancer(world: World, tmp_path: Path) -> None:
    elbv2, ec2 = world.account.elbv2, world.account.ec2
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    arn = elbv2.create_target_group(
        Name="lonely", Protocol="HTTP", Port=3000, VpcId=vpc, HealthCheckPath="/up"
    )["TargetGroups"][0]["TargetGroupArn"]
    try:
        error = wrong(world, tmp_path, {"infra": {"target_group": "lonely"}})
    finally:
        elbv2.delete_target_group(TargetGroupArn=arn)
    assert "no load balancer forwards to target group 'lonely'" in error


@pytest.mark.parametrize("operation", ["RunInstances", "RequestSpotFleet", "CreateLaunchTemplate"])
def test_a_missing_right_is_named(world: World, tmp_path: Path, operation: str) -> None:
    world.box.fault(operation, "error", code="UnauthorizedOperation", status=403, count=20)
    assert f"no right to {operation}" in wrong(world, tmp_path, {})
