"""Target health and draining, by requests to (simulated) machines."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests import plain
from tests.sandbox.account import Account, eventually
from tests.sandbox.conftest import SPEED
from tests.sandbox.test_instances import refused

pytestmark = pytest.mark.sandbox


@pytest.fixture(autouse=True)
def quick(box: Sandbox) -> None:
    box.script(boot_seconds=1, serve_seconds=0, stop_seconds=1)


def registered(account: Account, group: str | None = None, **launch: Any) -> str:
    instance = account.run(**launch)
    account.until(instance, "running")
    account.elbv2.register_targets(
        TargetGroupArn=group or account.target_group, Targets=[{"Id": instance}]
    )
    return instance


@pytest.fixture
def settings(account: Account) -> Any:
    """Changes the group's health check, and back."""
    before = account.elbv2.describe_target_groups(Names=["website"])["TargetGroups"][0]

    def change(**settings: Any) -> None:
        account.elbv2.modify_target_group(TargetGroupArn=account.target_group, **settings)

    yield change
    change(
        HealthCheckIntervalSeconds=before["HealthCheckIntervalSeconds"],
        HealthCheckTimeoutSeconds=before["HealthCheckTimeoutSeconds"],
        HealthyThresholdCount=before["HealthyThresholdCount"],
        UnhealthyThresholdCount=before["UnhealthyThresholdCount"],
        Matcher=before["Matcher"],
    )


@pytest.fixture
def delay(account: Account) -> Any:
    def change(seconds: int) -> None:
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}
        account.elbv2.modify_target_group_attributes(
            TargetGroupArn=account.target_group, Attributes=[attribute]
        )

    yield change
    change(5)


def test_a_new_target_is_initial_and_healthy_after_one_passing_check(
    account: Account, settings: Any, box: Sandbox
) -> None:
    settings(HealthyThresholdCount=10, UnhealthyThresholdCount=10, HealthCheckIntervalSeconds=300)
    box.script(serve_seconds=290)
    instance = registered(account)
    first = account.health()[instance]
    assert first["State"] == "initial"
    assert first["Reason"] in ("Elb.RegistrationInProgress", "Elb.InitialHealthChecking")
    begin = time.monotonic()
    assert account.until_health(instance, "healthy") == {"State": "healthy"}
    # Refused at once, then a second check an interval later; ten would take fifty minutes.
    assert 250 < (time.monotonic() - begin) * SPEED < 2500


def test_the_port_checked_is_told(account: Account) -> None:
    instance = registered(account)
    described = account.elbv2.describe_target_health(
        TargetGroupArn=account.target_group, Targets=[{"Id": instance}]
    )["TargetHealthDescriptions"]
    assert described[0]["Target"] == {"Id": instance, "Port": 3000}
    assert described[0]["HealthCheckPort"] == "3000"


@pytest.mark.parametrize(
    ("script", "reason", "description"),
    [
        (
            {"health": 500},
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [500]",
        ),
        ({"health": "timeout"}, "Target.Timeout", "Request timed out"),
        ({"latency_seconds": 3}, "Target.Timeout", "Request timed out"),
        ({"health": "refused"}, "Target.FailedHealthChecks", "Health checks failed"),
    ],
)
def test_a_sick_target_says_why(
    account: Account, box: Sandbox, script: dict[str, Any], reason: str, description: str
) -> None:
    box.script(**script)
    instance = registered(account)
    health = account.until_health(instance, "unhealthy")
    assert (health["Reason"], health["Description"]) == (reason, description)


def test_the_matcher_decides(account: Account, box: Sandbox, settings: Any) -> None:
    settings(Matcher={"HttpCode": "200,300-399"})
    box.script(health=302)
    account.until_health(registered(account), "healthy")


def test_thresholds_are_the_groups_own(account: Account, box: Sandbox, settings: Any) -> None:
    """Interval 10: three failures take at least 20 s, four passes on the way back 30 s."""
    settings(HealthCheckIntervalSeconds=10, UnhealthyThresholdCount=3, HealthyThresholdCount=4)
    instance = registered(account)
    account.until_health(instance, "healthy")
    box.script(health=503)
    begin = time.monotonic()
    account.until_health(instance, "unhealthy")
    assert (time.monotonic() - begin) * SPEED > 19
    box.script(health=200)
    begin = time.monotonic()
    account.until_health(instance, "healthy")
    assert (time.monotonic() - begin) * SPEED > 29


def test_deregistering_drains_for_the_groups_delay(
    account: Account, delay: Any, box: Sandbox
) -> None:
    delay(60)
    instance = registered(account)
    account.until_health(instance, "healthy")
    begin = time.monotonic()
    group = account.target_group
    account.elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": instance}])
    health = account.health()[instance]
    assert (health["State"], health["Reason"]) == ("draining", "Target.DeregistrationInProgress")
    eventually(lambda: instance not in account.health(), what="drained")
    assert (time.monotonic() - begin) * SPEED > 59
    asked = account.elbv2.describe_target_health(TargetGroupArn=group, Targets=[{"Id": instance}])[
        "TargetHealthDescriptions"
    ][0]["TargetHealth"]
    assert (asked["State"], asked["Reason"]) == ("unused", "Target.NotRegistered")
    assert account.state(instance) == "running"


def test_a_draining_target_can_be_registered_again(account: Account, delay: Any) -> None:
    delay(300)
    instance = registered(account)
    account.until_health(instance, "healthy")
    group, targets = account.target_group, [{"Id": instance}]
    account.elbv2.deregister_targets(TargetGroupArn=group, Targets=targets)
    account.until_health(instance, "draining")
    account.box.script(match={"instance_id": instance}, health=500)
    account.elbv2.register_targets(TargetGroupArn=group, Targets=targets)
    # It begins anew: that it was healthy before counts for nothing.
    assert account.health()[instance]["State"] in {"initial", "unhealthy"}
    account.box.script(match={"instance_id": instance}, health=200)
    account.until_health(instance, "healthy")


def test_a_terminated_instance_is_let_go(account: Account, delay: Any) -> None:
    delay(100)
    instance = registered(account)
    account.until_health(instance, "healthy")
    account.ec2.terminate_instances(InstanceIds=[instance])
    assert account.health()[instance]["State"] == "draining"
    account.until(instance, "terminated")
    assert account.health()[instance]["State"] == "draining"
    eventually(lambda: instance not in account.health(), what="gone from the group")


def test_a_stopped_instance_is_not_used(account: Account) -> None:
    instance = registered(account)
    account.until_health(instance, "healthy")
    account.ec2.stop_instances(InstanceIds=[instance])
    account.until(instance, "stopped")
    health = account.health()[instance]
    assert (health["State"], health["Reason"]) == ("unused", "Target.InvalidState")
    account.ec2.start_instances(InstanceIds=[instance])
    account.until_health(instance, "healthy")


def test_only_running_instances_can_be_registered(account: Account, box: Sandbox) -> None:
    box.script(boot_seconds=1000)
    instance, group = account.run(), account.target_group
    register = account.elbv2.register_targets
    message = refused(register, "InvalidTarget", TargetGroupArn=group, Targets=[{"Id": instance}])
    assert "not in a running state" in message
    unknown = [{"Id": "i-00000000000000000"}]
    refused(register, "InvalidTarget", TargetGroupArn=group, Targets=unknown)
    account.elbv2.deregister_targets(TargetGroupArn=group, Targets=unknown)  # AWS lets it pass


def test_an_unknown_group_is_an_error(account: Account) -> None:
    arn = account.target_group.rpartition("/")[0] + "/0000000000000000"
    refused(account.elbv2.describe_target_health, "TargetGroupNotFound", TargetGroupArn=arn)


def test_a_group_without_a_listener_is_not_in_use(account: Account) -> None:
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = account.elbv2.create_target_group(Name="lonely", Protocol="HTTP", Port=80, VpcId=vpc)[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    instance = registered(account, group)
    health = account.health(group)[instance]
    assert (health["State"], health["Reason"]) == ("unused", "Target.NotInUse")
    account.elbv2.delete_target_group(TargetGroupArn=group)


def test_a_zone_without_a_subnet_of_the_load_balancer_is_not_in_use(account: Account) -> None:
    balancer = account.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"][0]
    zones = account.subnets()
    account.elbv2.set_subnets(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Subnets=[zones["eu-west-1a"], zones["eu-west-1b"]],
    )
    try:
        instance = registered(account, SubnetId=zones["eu-west-1c"])
        health = account.health()[instance]
        assert (health["State"], health["Reason"]) == ("unused", "Target.NotInUse")
        assert "Availability Zone" in health["Description"]
    finally:
        account.elbv2.set_subnets(
            LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=list(zones.values())
        )


def test_the_load_balancer_sends_requests_to_healthy_targets(
    account: Account, box: Sandbox
) -> None:
    address = box.load_balancer("website")
    assert plain.get(address).status_code == 503  # nobody is there
    well = registered(account)
    account.until_health(well, "healthy")
    box.script(match={"instance_id": "i-*"}, health=[{"after": 0, "code": 200}])
    box.script(match={"role": "sick"}, health=500)
    sick = registered(
        account,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "sick"}]}
        ],
    )
    account.until_health(sick, "unhealthy")
    time.sleep(0.2)  # the load balancer looks at its targets ten times a second
    answers = [plain.get(address) for _ in range(10)]
    assert {answer.headers["X-Instance-Id"] for answer in answers} == {well}
    assert box.load_balancer_counters("website")["targets"][well]["requests"] >= 10


def test_a_listener_made_later_gets_a_load_balancer_too(account: Account, box: Sandbox) -> None:
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    balancer = account.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"][0]
    group = account.elbv2.create_target_group(Name="second", Protocol="HTTP", Port=80, VpcId=vpc)[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    listener = account.elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=8080,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )["Listeners"][0]["ListenerArn"]
    eventually(
        lambda: "second" in Sandbox.attach(box.directory).description["load_balancers"],
        what="its address",
    )
    instance = registered(account, group)
    account.until_health(instance, "healthy", group)
    answer = plain.get(box.load_balancer("second"))
    assert answer.headers["X-Instance-Id"] == instance
    account.elbv2.delete_listener(ListenerArn=listener)
    account.elbv2.delete_target_group(TargetGroupArn=group)


# Rules


def test_an_instance_that_shuts_down_takes_no_request_along(account: Account, box: Sandbox) -> None:
    """The load balancer reads ten times a second who leaves; until then it sends some there."""
    stays, leaves = registered(account), registered(account)
    account.until_health(stays, "healthy")
    account.until_health(leaves, "healthy")
    box.script(boot_seconds=1, serve_seconds=0, stop_seconds=500)
    answered = []
    with plain.visitor(base_url=box.load_balancer("website")) as visitor:
        while True:
            answered.append(visitor.get("/"))
            if len(answered) == 2:
                account.ec2.terminate_instances(InstanceIds=[leaves])
            last = [one.headers.get("X-Instance-Id") for one in answered[-4:]]
            if len(answered) > 6 and set(last) == {stays}:
                break
    assert {one.headers.get("X-Instance-Id") for one in answered[:2]} == {stays, leaves}
    assert {one.status_code for one in answered} == {200}


@pytest.fixture
def second(account: Account) -> Iterator[str]:
    """A target group that nothing forwards to yet."""
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    arn = account.elbv2.create_target_group(
        Name="by-host", Protocol="HTTP", Port=3000, VpcId=vpc, HealthCheckPath="/up"
    )["TargetGroups"][0]["TargetGroupArn"]
    yield str(arn)
    for rule in rules(account):
        if arn in str(rule["Actions"]):
            account.elbv2.delete_rule(RuleArn=rule["RuleArn"])
    account.elbv2.delete_target_group(TargetGroupArn=arn)


def listener(account: Account) -> str:
    balancer = account.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"][0]
    found = account.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
    return str(found["Listeners"][0]["ListenerArn"])


def rules(account: Account) -> list[dict[str, Any]]:
    return list(account.elbv2.describe_rules(ListenerArn=listener(account))["Rules"])


def rule_of(
    account: Account, group: str, host: str = "a.preview.example.com", priority: int = 10
) -> dict[str, Any]:
    return {
        "ListenerArn": listener(account),
        "Priority": priority,
        "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}],
        "Actions": [{"Type": "forward", "TargetGroupArn": group}],
    }


def test_a_rule_sends_its_host_to_its_group_and_only_that(
    account: Account, box: Sandbox, second: str
) -> None:
    own, other = registered(account, second), registered(account)
    account.until_health(other, "healthy")
    group = account.elbv2.describe_target_groups(TargetGroupArns=[second])["TargetGroups"][0]
    assert group["LoadBalancerArns"] == []
    made = account.elbv2.create_rule(**rule_of(account, second))["Rules"][0]
    group = account.elbv2.describe_target_groups(TargetGroupArns=[second])["TargetGroups"][0]
    assert len(group["LoadBalancerArns"]) == 1
    account.until_health(own, "healthy", second)
    time.sleep(0.2)

    def who(host: str) -> str:
        address = box.load_balancer("website")
        answer = plain.get(address, headers={"Host": host})
        return answer.headers["X-Instance-Id"]

    assert who("a.preview.example.com") == who("A.preview.example.com:80") == own
    assert who("b.preview.example.com") == other
    refused(account.elbv2.delete_target_group, "ResourceInUse", TargetGroupArn=second)
    account.elbv2.delete_rule(RuleArn=made["RuleArn"])
    refused(account.elbv2.delete_rule, "RuleNotFound", RuleArn=made["RuleArn"])
    refused(account.elbv2.describe_tags, "RuleNotFound", ResourceArns=[made["RuleArn"]])
    assert account.health(second)[own]["Reason"] == "Target.NotInUse"
    time.sleep(0.2)
    assert who("a.preview.example.com") == other


def test_rules_are_refused_as_aws_does(account: Account, second: str) -> None:
    create = account.elbv2.create_rule
    create(**rule_of(account, second))
    refused(create, "PriorityInUse", **rule_of(account, second, "b.example.com"))
    refused(create, "ValidationError", **rule_of(account, second, priority=50001))
    refused(create, "ValidationError", **rule_of(account, second, "no-dot", 11))
    refused(create, "ValidationError", **rule_of(account, second, "a.example.c0m", 11))
    unknown = second.rpartition("/")[0] + "/0000000000000000"
    refused(create, "TargetGroupNotFound", **rule_of(account, unknown, priority=11))
    default = next(one for one in rules(account) if one["IsDefault"])
    refused(account.elbv2.delete_rule, "OperationNotPermitted", RuleArn=default["RuleArn"])
    elsewhere = {**rule_of(account, second, priority=11), "ListenerArn": "unknown"}
    elsewhere["ListenerArn"] = listener(account).rpartition("/")[0] + "/0000000000000000"
    refused(create, "ListenerNotFound", **elsewhere)


def test_a_group_that_is_made_or_deleted_twice_is_no_error(account: Account) -> None:
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    asked = {"Name": "twice", "Protocol": "HTTP", "Port": 3000, "VpcId": vpc}
    first, again = (
        account.elbv2.create_target_group(**asked)["TargetGroups"][0]["TargetGroupArn"]
        for _ in range(2)
    )
    assert first == again
    refused(account.elbv2.create_target_group, "DuplicateTargetGroupName", **{**asked, "Port": 1})
    for _ in range(2):
        account.elbv2.delete_target_group(TargetGroupArn=first)
    refused(account.elbv2.describe_tags, "TargetGroupNotFound", ResourceArns=[first])
