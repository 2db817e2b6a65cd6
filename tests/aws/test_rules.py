"""Rules of listeners, as the sandbox's load balancers have them."""

from typing import Any

import pytest

from spotkiln.aws.serve import rules as aws_rules
from spotkiln.aws.session import Aws
from spotkiln.errors import InputError
from spotkiln.keep.preview import Template
from spotkiln.serve.rules import Rule, free_priority, require_reached
from tests.sandbox.account import Account

pytestmark = pytest.mark.sandbox
HOST = "a.preview.example.com"


def paths(*values: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


def found(account: Account, aws: Aws, *conditions: dict[str, Any]) -> list[Rule]:
    """Those of website's listener: the stack's, and one with these conditions."""
    (balancer,) = account.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"]
    arn = balancer["LoadBalancerArn"]
    (listener,) = account.elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    if conditions:
        account.elbv2.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=10,
            Conditions=list(conditions),
            Actions=[{"Type": "forward", "TargetGroupArn": account.target_group}],
        )
    return aws_rules.rules(aws, listener["ListenerArn"])


def test_previews_begin_before_the_rule_of_the_accounts_template(
    account: Account, aws: Aws
) -> None:
    known = found(account, aws)
    with pytest.raises(InputError, match="rule 100 of the listener takes"):
        require_reached(known, HOST, 101)
    template = Template(host="{branch}.preview.example.com")
    require_reached(known, HOST, free_priority(known, template.priority))


@pytest.mark.parametrize("value", ["/*", "*"])
def test_any_path_is_all_requests(account: Account, aws: Aws, value: str) -> None:
    with pytest.raises(InputError, match="rule 10 of the listener takes"):
        require_reached(found(account, aws, paths("/up", value)), HOST, 50)


@pytest.mark.parametrize(
    "more",
    [
        [],
        [{"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}],
    ],
)
def test_some_paths_are_some_requests(
    account: Account, aws: Aws, more: list[dict[str, Any]]
) -> None:
    require_reached(found(account, aws, paths("/admin/*"), *more), HOST, 50)
