"""What is refused of a stack."""

import pytest

from spotkiln.account.plan import Change, Step, first_failure
from spotkiln.account.refusals import require_kept, require_reachable
from spotkiln.errors import InputError

ELB = "AWS::ElasticLoadBalancingV2::"


def change(kind: str, *, anew: bool) -> Change:
    return Change(action="Modify", kind=kind, name="It", replaces=anew)


@pytest.mark.parametrize(
    "kind",
    [
        f"{ELB}TargetGroup",
        f"{ELB}LoadBalancer",
        f"{ELB}Listener",
        "AWS::EC2::SecurityGroup",
        "AWS::IAM::Role",
    ],
)
def test_what_serves_is_not_made_anew(kind: str) -> None:
    require_kept("shop", [change(kind, anew=False)])
    with pytest.raises(InputError, match=rf"make anew It \({kind}\).*--stack OTHER"):
        require_kept("shop", [change(kind, anew=True)])


def test_a_rule_may_be_made_anew() -> None:
    require_kept("shop", [change(f"{ELB}ListenerRule", anew=True)])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"LoadBalancer": "no"}, "Listener=ARN.*BalancerGroup=ID"),
        ({"LoadBalancer": "no", "Listener": "arn"}, "--set BalancerGroup=ID"),
        ({"LoadBalancer": "no", "BalancerGroup": "sg-1"}, "--set Listener=ARN"),
        ({"WorkerExternalId": "x"}, "WorkerExternalId needs WorkerTrust"),
        ({"WorkerExternalId": "x", "WorkerTrust": ""}, "WorkerExternalId needs WorkerTrust"),
    ],
)
def test_an_account_that_nobody_reaches(wanted: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_reachable(wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"LoadBalancer": "no", "Listener": "arn", "BalancerGroup": "sg-1"},
        {"WorkerExternalId": "x", "WorkerTrust": "arn"},
        {"WorkerExternalId": "x", "Worker": "no"},
    ],
)
def test_one_that_is_reached(wanted: dict[str, str]) -> None:
    require_reachable(wanted)


def step(name: str, status: str, reason: str = "") -> Step:
    return Step(id=f"{name}{status}", name=name, status=status, reason=reason)


def test_what_failed_first_in_the_last_change() -> None:
    steps = [
        step("shop", "UPDATE_IN_PROGRESS"),
        step("Old", "UPDATE_FAILED", "long ago"),
        step("shop", "UPDATE_ROLLBACK_COMPLETE"),
        step("shop", "UPDATE_IN_PROGRESS"),
        step("TargetGroup", "UPDATE_FAILED", "the port"),
        step("Rule", "UPDATE_FAILED", "cancelled"),
        step("shop", "UPDATE_ROLLBACK_IN_PROGRESS"),
    ]
    assert first_failure(steps, "shop") == "TargetGroup: UPDATE_FAILED (the port)"
    assert first_failure([], "shop") == "CloudFormation tells no reason"
