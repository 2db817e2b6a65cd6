"""`spotkiln traffic NAME --split` of an account that nobody has prepared: a target group alone."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.client import Sandbox
from spotkiln.aws.serve.split import split
from tests.reliability.truth import Account, client

pytestmark = pytest.mark.sandbox

NAMES = ("plain", "plain-green")
GROUPS = ["website", {"name": "plain", "by_hand": True}]


def test_a_second_group_is_made_and_every_rule_forwards_to_both(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, machines="simulated", account={"target_groups": GROUPS}) as box:
        account = Account(box)
        balancer = account.elbv2.describe_load_balancers(Names=["plain"])["LoadBalancers"][0]
        arn = balancer["LoadBalancerArn"]
        listener = account.elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]
        # One rule beside the default one: both have weights then.
        account.elbv2.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=10,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/up"]}}],
            Actions=[{"Type": "forward", "TargetGroupArn": account.group_arn(NAMES[0])}],
        )
        said: list[str] = []
        aws: Any = SimpleNamespace(elbv2=client(box, "elbv2"), region="eu-west-1")
        for _ in range(2):  # it can be repeated
            split(aws, *NAMES, said.append)
        assert said[0] == "made target group plain-green, like plain"
        assert len([one for one in said if "forwards to both" in one]) == 2
        rules = account.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        weights = [
            [one["Weight"] for one in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]]
            for rule in rules
        ]
        assert weights == [[100, 0], [100, 0]]
