"""Whether security groups let the load balancer in, and when that is looked up."""

import pytest

from spotkiln.aws.serve.ingress import from_aws, require_open_to_each_other
from spotkiln.errors import InputError
from spotkiln.serve.gate import Cause, GateOutcome, Verdict
from spotkiln.serve.ingress import Rule, admits, closed, points_at_network
from spotkiln.serve.observation import Observation
from tests.unit import nouns
from tests.unit.looks import MISMATCH, Healths, look
from tests.unit.serve.test_calls import Cloud

NETWORKS = ("10.0.1.0/24", "10.0.2.0/24")


def web(**changes: object) -> Rule:
    return Rule.model_validate({"protocol": "tcp", "first": 3000, "last": 3000, **changes})


@pytest.mark.parametrize(
    "rule",
    [
        web(groups=("sg-balancer",)),
        web(first=1, last=65535, groups=("sg-other", "sg-balancer")),
        web(ranges=("10.0.0.0/16",)),
        web(ranges=("0.0.0.0/0",)),
        web(ranges=("10.0.1.0/24", "10.0.2.0/24")),
        web(protocol="-1", first=None, last=None, groups=("sg-balancer",)),
        web(protocol="6", groups=("sg-balancer",)),
        web(lists=("pl-1",)),
    ],
)
def test_a_rule_that_lets_it_in(rule: Rule) -> None:
    assert admits([web(first=22, last=22), rule], 3000, ["sg-balancer"], NETWORKS)


@pytest.mark.parametrize(
    "rule",
    [
        web(groups=("sg-other",)),
        web(first=80, last=80, groups=("sg-balancer",)),
        web(first=3001, last=65535, ranges=("0.0.0.0/0",)),
        web(protocol="udp", ranges=("0.0.0.0/0",)),
        web(protocol="icmp", first=-1, last=-1, ranges=("0.0.0.0/0",)),
        # One of its two zones is left out.
        web(ranges=("10.0.1.0/24",)),
        web(ranges=("203.0.113.7/32",)),
    ],
)
def test_a_rule_that_does_not(rule: Rule) -> None:
    assert not admits([rule], 3000, ["sg-balancer"], NETWORKS)
    assert not admits([], 3000, ["sg-balancer"], NETWORKS)


def test_two_rules_may_let_it_in_together() -> None:
    rules = [web(ranges=("10.0.1.0/24",)), web(ranges=("10.0.2.0/23",))]
    assert admits(rules, 3000, [], NETWORKS)


def test_of_networks_that_are_not_known_nothing_is_said() -> None:
    assert admits([], 3000, ["sg-balancer"], [])


def test_a_rule_as_ec2_tells_it() -> None:
    assert from_aws(
        {
            "IpProtocol": "tcp",
            "FromPort": 3000,
            "ToPort": 3001,
            "UserIdGroupPairs": [{"GroupId": "sg-balancer", "UserId": "1"}],
            "IpRanges": [{"CidrIp": "10.0.0.0/16"}],
            "PrefixListIds": [{"PrefixListId": "pl-1"}],
        }
    ) == Rule(
        protocol="tcp",
        first=3000,
        last=3001,
        groups=("sg-balancer",),
        ranges=("10.0.0.0/16",),
        lists=("pl-1",),
    )
    assert from_aws({"IpProtocol": "-1"}) == Rule(protocol="-1")


TIMEOUT = ("unhealthy", "Target.Timeout")


def seen(healths: Healths) -> Observation:
    return look(60, healths)


def test_only_time_outs_point_at_the_network() -> None:
    failing = Verdict(outcome=GateOutcome.FAILED, cause=Cause.FAILING_CHECK, detail="i-1 sick")
    assert points_at_network(failing, seen({"i-1": TIMEOUT, "i-2": "initial"}))
    assert not points_at_network(failing, seen({"i-1": TIMEOUT, "i-2": ("unhealthy", MISMATCH)}))
    assert not points_at_network(failing, seen({"i-1": "initial"}))
    crashing = failing.model_copy(update={"cause": Cause.CRASHING})
    assert not points_at_network(crashing, seen({"i-1": TIMEOUT}))


def test_a_closed_group_is_told_before_what_it_did_and_blames_nobody() -> None:
    failing = Verdict(outcome=GateOutcome.FAILED, cause=Cause.FAILING_CHECK, detail="i-1 sick")
    found = closed(failing, "no rule lets it in")
    assert (found.cause, found.detail) == (Cause.MISCONFIGURED, "no rule lets it in; i-1 sick")
    assert found.advice


@pytest.mark.parametrize(
    ("source", "port", "fits"),
    [("sg-app", 3000, True), ("sg-app", 22, False), ("sg-b", 3000, False)],
)
def test_a_check_in_batches_must_reach_the_servers(source: str, port: int, fits: bool) -> None:
    rule = {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "UserIdGroupPairs": [{"GroupId": source}],
    }
    cloud = Cloud(
        describe_security_groups={"SecurityGroups": [{"IpPermissions": [rule]}]},
        describe_subnets={"Subnets": [{"CidrBlock": "10.0.1.0/24"}]},
    )
    infra = nouns.infra(security_groups=("sg-app",), builder_subnets=("subnet-a",))
    if fits:
        require_open_to_each_other(cloud.aws(), infra)
        return
    with pytest.raises(InputError, match=r"no rule of their security groups \(sg-app\)"):
        require_open_to_each_other(cloud.aws(), infra)
