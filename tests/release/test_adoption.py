"""A target group that somebody else's servers serve already: named, and adopted only when asked."""

import time
from collections.abc import Iterator

import pytest

from tests.release.life import change_account
from tests.release.pages import page
from tests.reliability.load import Load
from tests.reliability.scenarios import INSIDE
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

SECONDS = 30.0


def until_healthy(world: World, names: list[str]) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        states = world.account.targets("website")
        if names and all(states.get(name) == "healthy" for name in names):
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.1)


def members(world: World, fleet: str) -> list[str]:
    return [one["InstanceId"] for one in world.account.instances(fleet)]


@pytest.fixture
def theirs(world: World, request: pytest.FixtureRequest) -> Iterator[str]:
    """A Spot Fleet of three that knows nothing of us, and serves; in further target groups if they
    are asked for."""
    ec2, role = world.account.ec2, "arn:aws:iam::123456789012:role/aws-ec2-spot-fleet-tagging-role"
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}])[
        "Images"
    ][0]
    template = ec2.create_launch_template(
        LaunchTemplateName="theirs", LaunchTemplateData={"ImageId": image["ImageId"]}
    )["LaunchTemplate"]["LaunchTemplateId"]
    further = getattr(request, "param", [])
    groups = [{"Arn": world.account.group_arn(one)} for one in ("website", *further)]
    fleet = ec2.request_spot_fleet(
        SpotFleetRequestConfig={
            "IamFleetRole": role,
            "TargetCapacity": 3,
            "Type": "maintain",
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"},
                    "Overrides": [{"InstanceType": "t3.micro"}],
                }
            ],
            "LoadBalancersConfig": {"TargetGroupsConfig": {"TargetGroups": groups}},
        }
    )["SpotFleetRequestId"]
    deadline = time.monotonic() + SECONDS
    while len(members(world, fleet)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    until_healthy(world, members(world, fleet))
    yield fleet
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    # It is theirs: it outlives what was made of it.
    ec2.delete_launch_template(LaunchTemplateId=template)
    # What took over their capacity keeps it otherwise.
    assert world.release("v1", "adopted", fleet={"most": 2})["outcome"] == "released"
    assert world.settled().problems() == []


@pytest.fixture(scope="module", autouse=True)
def allowed(started: World) -> Iterator[None]:
    """The account's owner lets the worker adopt, and afterwards no more, as the template says."""
    change_account(started, Adopt="yes")
    yield
    change_account(started, Adopt="no")


def strays(world: World) -> list[str]:
    return [one for one in world.settled().problems() if "launch_templates" not in one]


@pytest.fixture
def single(world: World) -> Iterator[str]:
    """An instance that somebody registered by hand."""
    ec2, arn = world.account.ec2, world.account.group_arn("website")
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}])[
        "Images"
    ][0]
    made = ec2.run_instances(ImageId=image["ImageId"], MinCount=1, MaxCount=1)["Instances"][0]
    name = str(made["InstanceId"])
    quick = {"Delay": 0.2, "MaxAttempts": 300}
    ec2.get_waiter("instance_running").wait(InstanceIds=[name], WaiterConfig=quick)
    world.account.elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": name}])
    until_healthy(world, [name])
    yield name
    ec2.terminate_instances(InstanceIds=[name])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[name], WaiterConfig=quick)


def test_left_alone_unless_asked_then_retired_without_loss(
    world: World, theirs: str, single: str
) -> None:
    with Load(world.box.load_balancer("website")) as load:
        made = world.release("v1", "beside")
        assert made["outcome"] == "released", made
        assert world.account.look().capacity == 2
        assert len(members(world, theirs)) == 3
        text = page(world, "release-demo-web-app")
        assert f"Spot Fleet {theirs} (3 instances): left alone, both serve" in text
        assert f"instance {single}: left alone" in text

        # It is asked for: what serves already is not enough.
        adopting = world.release("v1", "beside", force=False, infra={"adopt": True})
        assert adopting["outcome"] == "released", adopting
        # As many as served in all.
        truth = world.account.look()
        assert (truth.fleet, truth.capacity) == (adopting["fleet"], 5)
        assert members(world, theirs) == []
        assert theirs not in {x["SpotFleetRequestId"] for x in world.account.fleets()}
        assert world.account.targets("website")[single] == "healthy"
        text = page(world, "release-demo-web-app")
        assert f"`{theirs}` with 3 servers, adopted" in text
    assert load.failures == []
    assert load.sent


@pytest.mark.parametrize("theirs", [[INSIDE]], indirect=True)
def test_killed_in_the_middle_reconcile_finishes_it(world: World, theirs: str) -> None:
    """Of a fleet that serves two target groups, as the release does that takes over from it."""
    box = world.box
    with Load(box.load_balancer("website")) as load, Load(box.load_balancer(INSIDE)) as inside:
        # The first call is a dry run: whether it may, before anything is spent.
        fault = box.fault("TerminateInstances", "pause", nth=2, agent="spotkiln/", when="before")
        where = {"adopt": True, "also_behind": [INSIDE]}
        process = world.start("v1", "adopt", infra=where)
        world.box.wait_paused(fault, 120)
        process.kill()
        world.box.clear_faults()
        world.report_crashed(process)
        assert "error" not in world.reconcile()
        assert members(world, theirs) == []
    assert load.failures == inside.failures == []
    assert strays(world) == []
