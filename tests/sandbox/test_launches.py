"""Whatever launches an instance: it has a machine, or there is no instance."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto.ec2.models import ec2_backends
from moto.sns.models import sns_backends

from sandbox.client import Sandbox
from sandbox.engine.engine import Engine
from sandbox.machines.scripts import Scripts
from sandbox.machines.simulated.machines import SimulatedMachines
from sandbox.state.account import Account as State
from sandbox.state.clock import Clock
from sandbox.state.records import ACCOUNT_ID, Fleet, utcnow
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused

GONE = "sg-00000000000000000"
RUN = {"InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}


@pytest.fixture(autouse=True)
def quick(box: Sandbox) -> None:
    box.script(boot_seconds=2, serve_seconds=2, stop_seconds=2)


def interfaces(account: Account) -> set[str]:
    found = account.ec2.describe_network_interfaces()["NetworkInterfaces"]
    return {one["NetworkInterfaceId"] for one in found}


def why(account: Account, fleet: str) -> str:
    """What the fleet's first error says, once there is one."""
    event = eventually(lambda: account.events(fleet, "error"), what="an error event")[0]
    information = event["EventInformation"]
    assert information["EventSubType"] == "spotFleetRequestConfigurationInvalid"
    return str(information["EventDescription"])


@pytest.mark.sandbox
def test_a_fleet_whose_group_is_gone_says_so_and_the_others_go_on(account: Account) -> None:
    group = account.ec2.create_security_group(GroupName="short-lived", Description="x")["GroupId"]
    template = account.template("of-a-gone-group", SecurityGroupIds=[group])
    account.ec2.delete_security_group(GroupId=group)
    source = {"LaunchTemplateId": template, "Version": "1"}
    stuck = account.request(
        LaunchSpecifications=[], LaunchTemplateConfigs=[{"LaunchTemplateSpecification": source}]
    )
    assert f"The security group '{group}' does not exist" in why(account, stuck)
    other = account.request()
    account.until_fleet(other, "active", "fulfilled")
    assert account.members(stuck) == []


@pytest.mark.sandbox
def test_a_fleet_whose_profile_is_missing_leaves_nothing_behind(
    account: Account, box: Sandbox
) -> None:
    before = interfaces(account)
    fleet = account.request(spec={"IamInstanceProfile": {"Name": "nobodys"}})
    assert "Invalid IAM Instance Profile name" in why(account, fleet)
    box.capacity(None)  # it tries again at once
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    account.until_fleet(fleet, "cancelled")
    assert account.members(fleet, "pending", "running") == []
    assert box.inventory()["volumes"]["ids"] == []
    assert interfaces(account) == before


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"SecurityGroups": ["nobodys"]}, "InvalidGroup.NotFound"),
        ({"SecurityGroupIds": [GONE]}, "InvalidGroup.NotFound"),
        (
            {"NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [GONE]}]},
            "InvalidGroup.NotFound",
        ),
        ({"IamInstanceProfile": {"Name": "nobodys"}}, "InvalidParameterValue"),
        (
            {"IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/no"}},
            "InvalidParameterValue",
        ),
    ],
)
def test_what_a_launch_names_must_be_there(
    account: Account, box: Sandbox, parameters: dict[str, Any], code: str
) -> None:
    before = interfaces(account)
    refused(account.ec2.run_instances, code, ImageId=account.debian, **RUN, **parameters)
    assert box.inventory()["instances"]["ids"] == box.inventory()["volumes"]["ids"] == []
    assert interfaces(account) == before


@pytest.mark.sandbox
def test_a_group_of_another_network_is_refused(account: Account) -> None:
    vpc = account.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = account.ec2.create_security_group(GroupName="there", Description="x", VpcId=vpc)
    text = refused(
        account.ec2.run_instances,
        "InvalidParameter",
        ImageId=account.debian,
        SecurityGroupIds=[group["GroupId"]],
        SubnetId=account.subnets()["eu-west-1a"],
        **RUN,
    )
    assert "belong to different networks" in text
    account.ec2.delete_security_group(GroupId=group["GroupId"])
    account.ec2.delete_vpc(VpcId=vpc)


# -- CloudFormation --


@pytest.fixture
def stack(account: Account) -> Iterator[Any]:
    """Makes a stack of one resource; returns the resource's id."""
    cloudformation = account.client("cloudformation")
    made: list[str] = []

    def make(name: str, kind: str, **properties: Any) -> str:
        template = {"Resources": {"Only": {"Type": kind, "Properties": properties}}}
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        made.append(name)
        found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return str(found[0]["PhysicalResourceId"])

    yield make
    for name in made:
        cloudformation.delete_stack(StackName=name)


@pytest.mark.sandbox
def test_an_instance_of_a_stack_has_a_machine_and_ends_with_it(
    account: Account, box: Sandbox, stack: Any
) -> None:
    instance = stack(
        "one-server",
        "AWS::EC2::Instance",
        ImageId=account.debian,
        InstanceType="t3.micro",
        IamInstanceProfile="website",
    )
    assert box.inventory()["instances"]["ids"] == [instance]
    account.until(instance, "running")
    assert "AWS_SESSION_TOKEN" in box.role_credentials(instance)
    target = {"TargetGroupArn": account.target_group, "Targets": [{"Id": instance}]}
    account.elbv2.register_targets(**target)
    account.until_health(instance, "healthy")
    account.client("cloudformation").delete_stack(StackName="one-server")
    account.until(instance, "terminated")


@pytest.mark.sandbox
def test_a_rule_of_a_stack_is_checked_like_others(account: Account, stack: Any) -> None:
    """moto takes any host name; AWS wants a dot."""
    (balancer,) = account.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"]
    where = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
    told = refused(
        stack,
        "ValidationError",
        name="rule-of-all-hosts",
        kind="AWS::ElasticLoadBalancingV2::ListenerRule",
        ListenerArn=account.elbv2.describe_listeners(**where)["Listeners"][0]["ListenerArn"],
        Priority=7,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": ["*"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": account.target_group}],
    )
    assert "'*'" in told


@pytest.mark.sandbox
def test_a_stack_that_fails_is_taken_back_and_one_that_goes_takes_all_with_it(
    account: Account,
) -> None:
    cloudformation = account.client("cloudformation")
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    properties = {"Name": "stacked", "Port": 80, "Protocol": "HTTP", "VpcId": vpc}
    group = {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": properties}
    server = {"ImageId": "ami-00000000000000000", "InstanceType": "t3.micro"}
    instance = {"Type": "AWS::EC2::Instance", "Properties": server}

    def make(name: str, **resources: Any) -> Any:
        """As `spotkiln account apply` does it."""
        body = json.dumps({"Resources": resources})
        change = {"StackName": name, "ChangeSetName": "first"}
        cloudformation.create_change_set(TemplateBody=body, ChangeSetType="CREATE", **change)
        cloudformation.execute_change_set(**change)
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    def groups() -> list[str]:
        found = account.elbv2.describe_target_groups()["TargetGroups"]
        return sorted(one["TargetGroupName"] for one in found)

    before = groups()
    assert make("good", Group=group) == "CREATE_COMPLETE"
    assert groups() == sorted([*before, "stacked"])
    cloudformation.delete_stack(StackName="good")
    assert groups() == before
    assert (
        make("bad", Group=group, Server={**instance, "DependsOn": "Group"}) == "ROLLBACK_COMPLETE"
    )
    events = cloudformation.describe_stack_events(StackName="bad")["StackEvents"]
    (why,) = [one for one in events if one["ResourceStatus"] == "CREATE_FAILED"]
    assert "ami-00000000000000000" in why["ResourceStatusReason"]
    assert groups() == before
    cloudformation.delete_stack(StackName="bad")


@pytest.mark.sandbox
def test_the_groups_of_a_load_balancer_are_of_its_network(account: Account) -> None:
    vpc = account.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = account.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    (group,) = made["SecurityGroups"]
    (rule,) = group["IpPermissions"]
    assert [one["GroupId"] for one in rule["UserIdGroupPairs"]] == [group["GroupId"]]
    create, subnets = account.elbv2.create_load_balancer, list(account.subnets().values())[:2]
    for code, one in (
        ("InvalidSecurityGroup", GONE),
        ("InvalidConfigurationRequest", group["GroupId"]),
    ):
        refused(create, code, Name="foreign", Subnets=subnets, SecurityGroups=[one])
    account.ec2.delete_vpc(VpcId=vpc)


@pytest.mark.sandbox
def test_a_group_of_a_stack_is_an_auto_scaling_group_like_others(
    account: Account, box: Sandbox, stack: Any
) -> None:
    template = account.template("of-the-stack")
    name = stack(
        "some-servers",
        "AWS::AutoScaling::AutoScalingGroup",
        AutoScalingGroupName="stacked",
        MinSize="1",
        MaxSize="2",
        LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
        VPCZoneIdentifier=list(account.subnets().values()),
        TargetGroupARNs=[account.target_group],
        Tags=[{"Key": "Name", "Value": "web", "PropagateAtLaunch": True}],
    )
    (member,) = account.in_service(name, 1)
    account.until_health(member, "healthy")
    assert {"Key": "Name", "Value": "web"} in account.instance(member)["Tags"]
    account.client("cloudformation").delete_stack(StackName="some-servers")
    eventually(lambda: not box.inventory()["scaling_groups"]["count"], what="the group is gone")
    account.until(member, "terminated")


# -- whatever goes wrong with one of them --


def test_one_that_fails_does_not_stop_the_others() -> None:
    clock, scripts = Clock(100), Scripts()
    engine = Engine(State("eu-west-1", SimulatedMachines(clock, scripts), clock, scripts))
    seen = []

    def step(fleet: Fleet) -> None:
        seen.append(fleet.fleet_id)
        if fleet.fleet_id == "first":
            raise AttributeError("what nobody thought of")

    engine.fleets._rounds.step = step  # type: ignore[method-assign]
    fleets = engine.account.state.fleets
    for name in ("first", "second"):
        fleets[name] = Fleet(name, {"TargetCapacity": 1}, utcnow(), 0.0, state="active")
    engine.tick()
    assert seen == ["first", "second"]
    assert fleets["first"].error
    told = fleets["first"].history[-1]
    assert (told.event_type, told.sub_type) == ("error", "spotFleetRequestConfigurationInvalid")
    assert "what nobody thought of" in told.description
    engine.tick()
    assert len(fleets["first"].history) == 1, "told once"


def test_a_reset_leaves_nothing_of_any_service() -> None:
    clock, scripts = Clock(100), Scripts()
    state = State("eu-west-1", SimulatedMachines(clock, scripts), clock, scripts)
    sns = sns_backends[ACCOUNT_ID]["eu-west-1"]
    elsewhere = ec2_backends[ACCOUNT_ID]["us-east-1"]
    there = elsewhere.create_security_group("left", "x", elsewhere.default_vpc.id)
    sns.create_topic("left")
    group = state.ec2.create_security_group("left", "x", state.ec2.default_vpc.id)
    state.empty()
    assert not sns.topics
    assert elsewhere.get_security_group_from_id(there.id) is None
    assert state.ec2.get_security_group_from_id(group.id) is None


@pytest.mark.sandbox
def test_an_instance_without_a_named_group_is_in_the_default_one(account: Account) -> None:
    (group,) = account.instance(account.run())["SecurityGroups"]
    assert group["GroupName"] == "default"
    found = account.ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"][0]
    (rule,) = found["IpPermissions"]
    assert [one["GroupId"] for one in rule["UserIdGroupPairs"]] == [group["GroupId"]]


@pytest.mark.sandbox
def test_the_default_network_leads_to_the_internet(account: Account) -> None:
    (gateway,) = account.ec2.describe_internet_gateways()["InternetGateways"]
    routes = account.ec2.describe_route_tables()["RouteTables"][0]["Routes"]
    ways = {one["DestinationCidrBlock"]: one["GatewayId"] for one in routes}
    assert ways["0.0.0.0/0"] == gateway["InternetGatewayId"]


@pytest.mark.sandbox
def test_awss_own_policies_can_be_attached(account: Account) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AmazonEC2SpotFleetTaggingRole"
    role = {"RoleName": "website", "PolicyArn": arn}
    account.iam.attach_role_policy(**role)
    found = account.iam.list_attached_role_policies(RoleName=role["RoleName"])
    assert [one["PolicyArn"] for one in found["AttachedPolicies"]] == [arn]
    account.iam.detach_role_policy(**role)
