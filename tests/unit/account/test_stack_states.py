"""States of the account's stack: what is refused, what was undone, what cannot be taken away."""

import json
from datetime import timedelta
from typing import Any

import pytest
from moto.cloudformation.models import cloudformation_backends
from moto.core.models import DEFAULT_ACCOUNT_ID

from spotkiln.account.plan import Plan
from spotkiln.account.template import template
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.account.check import look, worker
from spotkiln.aws.release import rights
from spotkiln.aws.release.rights import every
from spotkiln.aws.session import Aws, client_of
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.keep.lease import DURATION, Lease, Stage
from tests.unit.account.test_stack import aws, given
from tests.unit.clock import FakeClock

__all__ = ["aws", "given"]


@pytest.fixture
def made(aws: Aws, given: dict[str, str]) -> dict[str, str]:
    """A stack `shop`."""
    return stacks.apply(aws, stacks.plan(aws, "shop", given, FakeClock()), FakeClock(), print)


@pytest.mark.parametrize(
    ("said", "anew"),
    [
        ({"Port": "3001"}, {"TargetGroup", "GreenTargetGroup"}),
        (
            {"Name": "shop"},
            {"TargetGroup", "Balancer", "BalancerSecurityGroup", "ServerRole"},
        ),
        ({"FleetRoleName": "fleets"}, {"FleetRole"}),
    ],
)
def test_what_serves_is_not_made_anew(
    aws: Aws, made: dict[str, str], said: dict[str, str], anew: set[str]
) -> None:
    del made
    with pytest.raises(InputError, match="would make anew") as refused:
        stacks.plan(aws, "shop", said, FakeClock())
    assert all(f"{one} (" in str(refused.value) for one in anew)
    cfn = client_of(aws, "cloudformation")
    left = cfn.list_change_sets(StackName="shop")["Summaries"]
    assert [one for one in left if one["Status"] == "CREATE_PENDING"] == []
    assert stacks.outputs(aws, "shop")["TargetGroup"] == "website"


def test_another_network_is_refused(aws: Aws, made: dict[str, str]) -> None:
    del made
    other = aws.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    with pytest.raises(InputError, match="ServerSecurityGroup"):
        stacks.plan(aws, "shop", {"Vpc": other}, FakeClock())


def failed_update(aws: Aws, **said: str) -> dict[str, Any]:
    """As somebody else asks CloudFormation for it; the change set."""
    cfn = client_of(aws, "cloudformation")
    found = stacks.find(aws, "shop")
    assert found is not None
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]} | said
    cfn.create_change_set(
        StackName="shop",
        ChangeSetName="theirs",
        TemplateBody=json.dumps(template(every())),
        ChangeSetType="UPDATE",
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    told: Any = cfn.describe_change_set(ChangeSetName="theirs", StackName="shop")
    cfn.execute_change_set(ChangeSetName="theirs", StackName="shop")
    return {one["ResourceChange"]["LogicalResourceId"]: one for one in told["Changes"]}


def test_a_change_that_was_undone_leaves_a_healthy_stack(aws: Aws, made: dict[str, str]) -> None:
    """CloudFormation gives a name to one thing alone, so it cannot make that anew."""
    changes = failed_update(aws, Port="3001")
    assert changes["TargetGroup"]["ResourceChange"]["Replacement"] == "True"
    found = stacks.find(aws, "shop")
    assert found is not None
    assert found["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.outputs(aws, "shop") == made
    told = look(aws, "shop")["stack"]()
    assert "its last change was undone: TargetGroup: UPDATE_FAILED" in told
    assert "custom-named resource requires replacing. Rename " in told
    (group,) = aws.elbv2.describe_target_groups(Names=["website"])["TargetGroups"]
    assert group["Port"] == 3000
    # It can be changed again.
    changed = stacks.plan(aws, "shop", {"HealthPath": "/health"}, FakeClock())
    stacks.apply(aws, changed, FakeClock(), print)
    assert "undone" not in look(aws, "shop")["stack"]()


def backend_stack() -> Any:
    found = cloudformation_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].stacks.values()
    return next(one for one in found if one.name == "shop")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("UPDATE_IN_PROGRESS", "it is being changed"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name shop"),
        ("DELETE_FAILED", "delete-stack --stack-name shop"),
    ],
)
def test_a_state_in_which_nothing_can_be_changed(
    aws: Aws, made: dict[str, str], status: str, said: str
) -> None:
    del made
    backend_stack().status = status
    for one in (stacks.outputs, plan_again):
        with pytest.raises(InputError, match=rf"shop is {status}.*{said}"):
            one(aws, "shop")


def plan_again(aws: Aws, name: str) -> Plan:
    return stacks.plan(aws, name, {"HealthPath": "/health"}, FakeClock())


def test_one_that_cannot_be_taken_away_is_told_at_once(
    aws: Aws, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del made
    there = backend_stack()
    there.status = "ROLLBACK_COMPLETE"

    def deleted(_backend: Any, _name: str) -> None:
        there._add_stack_event("DELETE_IN_PROGRESS")
        there._add_stack_event("DELETE_FAILED", resource_status_reason="a group is in use")
        there.status = "DELETE_FAILED"

    backend = type(cloudformation_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"])
    monkeypatch.setattr(backend, "delete_stack", deleted)
    clock = FakeClock()
    with pytest.raises(InfrastructureError, match=r"is DELETE_FAILED: .*a group is in use"):
        stacks.clear_unmade(aws, "shop", clock)
    assert clock.now() < 60


def test_rights_of_each_launcher_are_told(
    aws: Aws, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del made
    answers = iter([(["ec2:RunInstances"], ""), ([], "not simulated: throttled")])
    monkeypatch.setattr(rights, "simulate", lambda *_: next(answers))
    with pytest.raises(InputError, match=r"not allowed to .*: ec2:RunInstances"):
        worker(aws, "shop")


def test_rights_that_nobody_could_ask_for_are_not_called_good(
    aws: Aws, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del made
    monkeypatch.setattr(rights, "simulate", lambda *_: ([], "not simulated: no right"))
    with pytest.raises(InputError, match="rights were not checked: not simulated: no right"):
        worker(aws, "shop")


def arn_of(aws: Aws, name: str) -> str:
    (found,) = aws.elbv2.describe_target_groups(Names=[name])["TargetGroups"]
    return found["TargetGroupArn"]


def rules(aws: Aws) -> list[dict[str, int]]:
    """The weights of each rule, by the names of the target groups."""
    (balancer,) = aws.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"]
    listeners = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
    return [
        {
            to["TargetGroupArn"].split("/")[1]: to["Weight"]
            for to in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        }
        for one in listeners["Listeners"]
        for rule in aws.elbv2.describe_rules(ListenerArn=one["ListenerArn"])["Rules"]
        if not rule["IsDefault"]
    ]


def move(aws: Aws, blue: int, green: int) -> None:
    """As a release does it."""
    (balancer,) = aws.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"]
    (listener,) = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])[
        "Listeners"
    ]
    told = aws.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    (rule,) = [one for one in told if not one["IsDefault"]]
    to: Any = [
        {"TargetGroupArn": arn_of(aws, "website"), "Weight": blue},
        {"TargetGroupArn": arn_of(aws, "website-green"), "Weight": green},
    ]
    forward: Any = {"Type": "forward", "ForwardConfig": {"TargetGroups": to}}
    aws.elbv2.modify_rule(RuleArn=rule["RuleArn"], Actions=[forward])


@pytest.mark.parametrize("what", ["Certificate", "Host", "Priority", "HealthPath"])
def test_requests_go_on_where_a_release_has_led_them(
    aws: Aws, made: dict[str, str], what: str
) -> None:
    """Also by a rule that is made anew."""
    del made
    assert rules(aws) == [{"website": 1, "website-green": 0}]
    move(aws, 0, 100)
    acm = client_of(aws, "acm")
    said = {
        "Certificate": acm.request_certificate(DomainName="shop.example.com")["CertificateArn"],
        "Host": "shop.example.com",
        "Priority": "7",
        "HealthPath": "/health",
    }
    planned = stacks.plan(aws, "shop", {what: said[what]}, FakeClock())
    assert "  requests go on where they go now: website=0 website-green=100" in planned.lines
    stacks.apply(aws, planned, FakeClock(), print)
    assert rules(aws) == [{"website": 0, "website-green": 100}]


def test_requests_that_go_to_both_are_left_alone(aws: Aws, made: dict[str, str]) -> None:
    del made
    move(aws, 50, 50)
    with pytest.raises(InputError, match="found website=50 website-green=50"):
        plan_again(aws, "shop")


def test_while_a_release_is_under_way_nothing_is_changed(aws: Aws, made: dict[str, str]) -> None:
    del made
    now = aws.now()
    for until, refused in ((now - timedelta(minutes=9), False), (now + DURATION, True)):
        lease = Lease(release="r-1", run="run", ticket=now, until=until, stage=Stage.HOLDS)
        tags: Any = [{"Key": lease.key, "Value": lease.to_tag()}]
        aws.elbv2.add_tags(ResourceArns=[arn_of(aws, "website")], Tags=tags)
        if refused:
            with pytest.raises(InputError, match="release r-1 is under way on target group web"):
                plan_again(aws, "shop")
        else:
            stacks.forget(aws, plan_again(aws, "shop"))
