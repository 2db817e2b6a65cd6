"""The account's stack, made in an account of moto's: planned, applied, changed, looked at."""

import json
from collections.abc import Iterator

import pytest
import yaml
from botocore.exceptions import ClientError

from sandbox.api.stacks import complete
from spotkiln.account.parameters import PARAMETERS
from spotkiln.account.plan import Plan, infra
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.account.check import look
from spotkiln.aws.session import Aws, client_of, connect
from spotkiln.cli import account
from spotkiln.errors import InfrastructureError, InputError
from tests.unit.clock import FakeClock
from tests.unit.moto_account import moto_account


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    complete()
    with moto_account({"iam": {"load_aws_managed_policies": True}}):
        connect.cache_clear()
        yield connect("eu-west-1")
    connect.cache_clear()


@pytest.fixture
def given(aws: Aws) -> dict[str, str]:
    found = aws.ec2.describe_subnets()["Subnets"][:2]
    return {"Vpc": found[0]["VpcId"], "Subnets": ",".join(one["SubnetId"] for one in found)}


def test_a_plan_changes_nothing(aws: Aws, given: dict[str, str]) -> None:
    found = stacks.plan(aws, "shop", given, FakeClock())
    assert found.new
    assert found.lines[0] == "stack shop would be made:"
    assert "  add ServerRole (AWS::IAM::Role)" in found.lines
    stacks.forget(aws, found)
    with pytest.raises(InputError, match="no stack shop in eu-west-1"):
        stacks.outputs(aws, "shop")
    assert aws.elbv2.describe_target_groups()["TargetGroups"] == []


def test_it_makes_what_a_release_looks_up(aws: Aws, given: dict[str, str]) -> None:
    said: list[str] = []
    planned = stacks.plan(aws, "shop", given, FakeClock())
    made = stacks.apply(aws, planned, FakeClock(), said.append)
    assert made["TargetGroup"] == "website"
    assert said
    seen = {name: probe() for name, probe in look(aws, "shop").items() if "rights" not in name}
    assert seen["target group"] == "website"
    assert seen["second target group"] == "website-green"
    assert seen["security groups"] == "website-servers"
    assert seen["instance profile"] == "website"
    role = aws.iam.get_role(RoleName="spotkiln-worker")["Role"]
    assert role["Arn"] == made["WorkerRole"]
    attached = aws.iam.list_attached_role_policies(RoleName="spotkiln-worker")["AttachedPolicies"]
    assert len(attached) > 1
    assert may_leave(aws) == ["website", "website-green"]
    assert look(aws, "shop")["further target groups"]() == "none"
    again = stacks.plan(aws, "shop", {}, FakeClock())
    assert not again.new


def test_another_region_has_the_same_worker_with_more_rights(
    aws: Aws, given: dict[str, str]
) -> None:
    stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)

    def attached() -> list[str]:
        found = aws.iam.list_attached_role_policies(RoleName="spotkiln-worker")
        return [one["PolicyArn"] for one in found["AttachedPolicies"]]

    before = attached()
    there = connect("eu-central-1")
    subnets = there.ec2.describe_subnets()["Subnets"][:2]
    said = {
        "Name": "shop-frankfurt",
        "Worker": "rights",
        "Vpc": subnets[0]["VpcId"],
        "Subnets": ",".join(one["SubnetId"] for one in subnets),
    }
    made = stacks.apply(there, stacks.plan(there, "shop", said, FakeClock()), FakeClock(), print)
    assert look(there, "shop")["target group"]() == "shop-frankfurt"
    role = aws.iam.get_role(RoleName="spotkiln-worker")["Role"]
    assert made["WorkerRole"] == role["Arn"]
    more = set(attached()) - set(before)
    assert len(more) == len(before)
    versions = [aws.iam.get_policy_version(PolicyArn=one, VersionId="v1") for one in more]
    assert all(":eu-central-1:" in str(one["PolicyVersion"]["Document"]) for one in versions)


def test_rights_to_adopt_are_there_as_long_as_they_are_asked_for(
    aws: Aws, given: dict[str, str]
) -> None:
    def inline() -> list[str]:
        return aws.iam.list_role_policies(RoleName="spotkiln-worker")["PolicyNames"]

    stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    assert inline() == []
    for said, expected in (("yes", ["adoption-website"]), ("no", [])):
        changed = stacks.plan(aws, "shop", {"Adopt": said}, FakeClock())
        stacks.apply(aws, changed, FakeClock(), print)
        assert inline() == expected


def asks_for_a_fleets_role(aws: Aws, planned: Plan) -> str:
    cfn = client_of(aws, "cloudformation")
    told = cfn.describe_change_set(ChangeSetName=planned.change_set, StackName=planned.stack)
    given = {one["ParameterKey"]: one["ParameterValue"] for one in told["Parameters"]}
    return str(given.get("NewFleetRole", PARAMETERS["NewFleetRole"]["Default"]))


def test_a_fleets_role_that_is_there_is_left_as_it_is(aws: Aws, given: dict[str, str]) -> None:
    """The console makes one of this name for whoever asks for a Spot fleet there."""
    trust = {"Service": "spotfleet.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = PARAMETERS["FleetRoleName"]["Default"]
    aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, Description="theirs")
    made = stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    assert made["FleetRole"] == name
    assert aws.iam.get_role(RoleName=name)["Role"]["Description"] == "theirs"
    assert look(aws, "shop")["fleet role"]() == name
    # When the stack is changed it stays theirs.
    changed = stacks.plan(aws, "shop", {"HealthPath": "/health"}, FakeClock())
    assert asks_for_a_fleets_role(aws, changed) == "no"


def test_the_fleets_role_has_awss_own_policy(aws: Aws, given: dict[str, str]) -> None:
    """Without it no fleet launches."""
    stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    name = PARAMETERS["FleetRoleName"]["Default"]
    (attached,) = aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached["PolicyName"] == "AmazonEC2SpotFleetTaggingRole"


def test_one_that_the_stack_has_made_stays_its_own(aws: Aws, given: dict[str, str]) -> None:
    """It is there then, too: to leave it out would delete it."""
    first = stacks.plan(aws, "shop", given, FakeClock())
    assert asks_for_a_fleets_role(aws, first) == "yes"
    stacks.apply(aws, first, FakeClock(), print)
    changed = stacks.plan(aws, "shop", {"HealthPath": "/health"}, FakeClock())
    assert asks_for_a_fleets_role(aws, changed) == "yes"


def test_after_one_that_failed_the_next_begins_anew(aws: Aws, given: dict[str, str]) -> None:
    """CloudFormation leaves the failed stack, with nothing in it, and changes it no more."""
    network = {"Protocol": "HTTP", "Port": 80, "VpcId": given["Vpc"]}
    (taken,) = aws.elbv2.create_target_group(Name="website-green", **network)["TargetGroups"]  # type: ignore[arg-type]
    with pytest.raises(InfrastructureError, match="shop is ROLLBACK_COMPLETE"):
        stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        aws.iam.get_role(RoleName="spotkiln-worker")
    aws.elbv2.delete_target_group(TargetGroupArn=taken["TargetGroupArn"])
    # Who only plans takes nothing away.
    with pytest.raises(InputError, match=r"It could not be made.*apply` takes it away"):
        stacks.plan(aws, "shop", given, FakeClock())
    stacks.clear_unmade(aws, "shop", FakeClock())
    again = stacks.plan(aws, "shop", given, FakeClock())
    assert again.new
    assert stacks.apply(aws, again, FakeClock(), print)["TargetGroup"] == "website"
    stacks.clear_unmade(aws, "shop", FakeClock())
    assert stacks.outputs(aws, "shop")["TargetGroup"] == "website"


def test_a_network_that_is_not_given_is_asked_for(aws: Aws, given: dict[str, str]) -> None:
    with pytest.raises(InputError, match="Vpc=") as refused:
        stacks.plan(aws, "shop", {"Name": "shop"}, FakeClock())
    assert given["Vpc"] in str(refused.value)
    assert stacks.find(aws, "shop") is None


def test_the_default_network_needs_no_ids(aws: Aws) -> None:
    planned = stacks.plan(aws, "shop", {"Vpc": "default"}, FakeClock())
    made = stacks.apply(aws, planned, FakeClock(), print)
    assert made["TargetGroup"] == "website"
    (balancer,) = aws.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"]
    own = aws.ec2.describe_subnets()["Subnets"]
    assert len(balancer["AvailabilityZones"]) == len({one["AvailabilityZone"] for one in own})


def test_what_a_condition_leaves_out_is_not_in_the_plan(aws: Aws, given: dict[str, str]) -> None:
    lines = stacks.plan(aws, "shop", given, FakeClock()).lines
    assert "  add HttpRule (AWS::ElasticLoadBalancingV2::ListenerRule)" in lines
    assert not [one for one in lines if "HttpsRule" in one or "OwnRule" in one]


def test_another_value_alone_is_a_change(aws: Aws, given: dict[str, str]) -> None:
    stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    changed = stacks.plan(aws, "shop", {"HealthPath": "/health"}, FakeClock())
    assert {one.name for one in changed.changes} == {"TargetGroup", "GreenTargetGroup"}
    assert not stacks.plan(aws, "shop", {"HealthPath": "/up"}, FakeClock()).changes
    assert stacks.apply(aws, changed, FakeClock(), print)["TargetGroup"] == "website"
    groups = aws.elbv2.describe_target_groups()["TargetGroups"]
    assert {one["HealthCheckPath"] for one in groups} == {"/health"}


def ports(aws: Aws) -> set[int]:
    """At which the servers let the load balancer in."""
    found = aws.ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["website-servers"]}]
    )["SecurityGroups"]
    return {rule["FromPort"] for rule in found[0]["IpPermissions"]}


@pytest.mark.parametrize(("said", "open_there"), [("9000", {3000, 9000}), ("3000", {3000})])
def test_health_checks_at_a_port_of_their_own(
    aws: Aws, given: dict[str, str], said: str, open_there: set[int]
) -> None:
    """As an application's health_port: its servers never turned healthy."""
    planned = stacks.plan(aws, "shop", {**given, "HealthPort": said}, FakeClock())
    stacks.apply(aws, planned, FakeClock(), print)
    groups = aws.elbv2.describe_target_groups()["TargetGroups"]
    assert {one["HealthCheckPort"] for one in groups} == {said}
    assert ports(aws) == open_there


@pytest.mark.parametrize("said", ["0", "65536", "99999", "traffic"])
def test_what_is_no_port_is_refused_in_words(aws: Aws, given: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=r"HealthPort .*: expected traffic-port, or a port from 1"):
        stacks.plan(aws, "shop", {**given, "HealthPort": said}, FakeClock())


def test_health_checks_that_move_to_another_port(aws: Aws, given: dict[str, str]) -> None:
    stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    assert ports(aws) == {3000}
    changed = stacks.plan(aws, "shop", {"HealthPort": "9000"}, FakeClock())
    assert {one.name for one in changed.changes} == {
        *("TargetGroup", "GreenTargetGroup"),
        "FromBalancerHealth",
    }
    stacks.apply(aws, changed, FakeClock(), print)
    assert ports(aws) == {3000, 9000}
    groups = aws.elbv2.describe_target_groups()["TargetGroups"]
    assert {one["HealthCheckPort"] for one in groups} == {"9000"}


def test_a_certificate_that_comes_later(aws: Aws, given: dict[str, str]) -> None:
    stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    asked = client_of(aws, "acm").request_certificate(DomainName="shop.example.com")
    arn = asked["CertificateArn"]
    changed = stacks.plan(aws, "shop", {"Certificate": arn}, FakeClock())
    assert {str(one) for one in changed.changes} >= {
        "add HttpsListener (AWS::ElasticLoadBalancingV2::Listener)",
        "add HttpsRule (AWS::ElasticLoadBalancingV2::ListenerRule)",
        "remove HttpRule (AWS::ElasticLoadBalancingV2::ListenerRule)",
    }
    stacks.apply(aws, changed, FakeClock(), print)
    (balancer,) = aws.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"]
    found = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert sorted(one["Port"] for one in found) == [80, 443]
    gone = stacks.plan(aws, "shop", {"Certificate": ""}, FakeClock())
    stacks.apply(aws, gone, FakeClock(), print)
    found = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert [one["Port"] for one in found] == [80]


def test_the_workers_rights_change_with_the_stack(aws: Aws, given: dict[str, str]) -> None:
    stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    changed = stacks.plan(aws, "shop", {"TargetGroups": "shop-*"}, FakeClock())
    stacks.apply(aws, changed, FakeClock(), print)
    held = ""
    found = aws.iam.list_attached_role_policies(RoleName="spotkiln-worker")["AttachedPolicies"]
    for one in found:
        version = aws.iam.get_policy(PolicyArn=one["PolicyArn"])["Policy"]["DefaultVersionId"]
        told = aws.iam.get_policy_version(PolicyArn=one["PolicyArn"], VersionId=version)
        held += str(told["PolicyVersion"]["Document"])
    assert "targetgroup/shop-*/" in held


def may_read(aws: Aws, role: str) -> str:
    told = aws.iam.get_role_policy(RoleName=role, PolicyName="server")["PolicyDocument"]
    document = yaml.safe_load(told) if isinstance(told, str) else told
    return str([one for one in document["Statement"] if one["Sid"].startswith("Read")])


def test_each_application_reads_its_own_configuration(aws: Aws, given: dict[str, str]) -> None:
    """Also where nobody has said which: never another one's."""
    planned = stacks.plan(aws, "dice", {**given, "Name": "dice"}, FakeClock())
    made = stacks.apply(aws, planned, FakeClock(), print)
    assert made["ParameterPath"] == "/dice/production/"
    held = may_read(aws, "dice")
    assert ":parameter/dice/production/*" in held
    assert ":secret:dice/production/*" in held
    assert "website" not in held
    said = {"ParameterPath": "/games/dice", "SecretPath": "games/dice"}
    changed = stacks.apply(aws, stacks.plan(aws, "dice", said, FakeClock()), FakeClock(), print)
    assert changed["ParameterPath"] == "/games/dice/"
    assert ":secret:games/dice/*" in may_read(aws, "dice")


def test_the_check_of_an_account_without_a_stack_says_so_once(aws: Aws) -> None:
    (found,) = account.checks("none", aws.region)
    assert not found.ok
    assert "`spotkiln account apply` makes it" in found.detail


def test_the_workers_role_is_there_once(aws: Aws, given: dict[str, str]) -> None:
    stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)
    blog = {**given, "Name": "blog"}
    with pytest.raises(InputError, match="--set Worker=no"):
        stacks.plan(aws, "blog", blog, FakeClock())
    planned = stacks.plan(aws, "blog", {**blog, "Worker": "no"}, FakeClock())
    assert stacks.apply(aws, planned, FakeClock(), print)["TargetGroup"] == "blog"


def test_what_is_wrong_is_said(aws: Aws) -> None:
    for probe in look(aws, "none").values():
        with pytest.raises(InputError, match="`spotkiln account apply` makes it"):
            probe()


def may_leave(aws: Aws) -> list[str]:
    """The names of the target groups that the servers' role may take them out of."""
    told = aws.iam.get_role_policy(RoleName="website", PolicyName="server")["PolicyDocument"]
    # moto writes it in Python's spelling.
    document = yaml.safe_load(told) if isinstance(told, str) else told
    leave = next(one for one in document["Statement"] if one["Sid"] == "Leave")
    return sorted({arn.split("/")[1] for arn in leave["Resource"]})


def test_servers_may_leave_each_of_their_target_groups_and_no_other(
    aws: Aws, given: dict[str, str]
) -> None:
    further = ["shop-inside", "shop-admin"]
    for one in further:
        aws.elbv2.create_target_group(Name=one, Protocol="HTTP", Port=80, VpcId=given["Vpc"])
    asked = {**given, "AlsoBehind": ",".join(further)}
    made = stacks.apply(aws, stacks.plan(aws, "shop", asked, FakeClock()), FakeClock(), print)
    assert may_leave(aws) == sorted(["website", "website-green", *further])
    assert yaml.safe_load(infra(made))["infra"]["also_behind"] == further
    assert look(aws, "shop")["further target groups"]() == "shop-inside, shop-admin"
