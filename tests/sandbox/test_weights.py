"""Listeners and rules that forward to several target groups, by weights."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

import pytest

from sandbox.client import Sandbox
from tests import plain
from tests.sandbox.account import Account, eventually
from tests.sandbox.conftest import SPEED
from tests.sandbox.test_instances import refused

pytestmark = pytest.mark.sandbox


class Pair(NamedTuple):
    """The group of the account's own listener, and one beside it."""

    listener: str
    balancer: str
    blue: str
    green: str


@pytest.fixture(autouse=True)
def quick(box: Sandbox) -> None:
    box.script(boot_seconds=1, serve_seconds=0, stop_seconds=1)


def forward(*shares: tuple[str, int], sticky: int = 0) -> list[dict[str, Any]]:
    config: dict[str, Any] = {
        "TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in shares]
    }
    if sticky:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": sticky}
    return [{"Type": "forward", "ForwardConfig": config}]


@pytest.fixture
def pair(account: Account) -> Iterator[Pair]:
    """Of the account's, without its rule: the listener forwards all to the first."""
    elbv2 = account.elbv2
    balancer = elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    listener = elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
    for one in elbv2.describe_rules(ListenerArn=listener)["Rules"]:
        if not one["IsDefault"]:
            elbv2.delete_rule(RuleArn=one["RuleArn"])
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=forward((account.target_group, 1)))
    found = elbv2.describe_target_groups(Names=["website-green"])["TargetGroups"]
    yield Pair(listener, arn, account.target_group, found[0]["TargetGroupArn"])
    account.box.reset()
    account.forget()


def rule(account: Account, pair: Pair, *shares: tuple[str, int], **more: Any) -> str:
    made = account.elbv2.create_rule(
        ListenerArn=pair.listener,
        Priority=more.pop("priority", 10),
        Conditions=more.pop("conditions", [{"Field": "path-pattern", "Values": ["/*"]}]),
        Actions=forward(*shares, **more),
    )
    return str(made["Rules"][0]["RuleArn"])


def served(box: Sandbox, requests: int, **more: Any) -> Counter[str]:
    """How often which instance answered; "503" for nobody."""
    address = box.load_balancer("website")
    answers = [plain.get(address, **more) for _ in range(requests)]
    return Counter(x.headers.get("X-Instance-Id", str(x.status_code)) for x in answers)


def shares(box: Sandbox, wanted: set[str]) -> Counter[str]:
    """Of a hundred requests, as soon as exactly these answer."""

    def look() -> Counter[str] | None:
        if set(served(box, 10)) - wanted:
            return None
        return served(box, 100)

    return Counter(eventually(look, what=f"only {wanted} answer"))


def members(account: Account, pair: Pair) -> tuple[str, str]:
    """One healthy target each."""
    found = []
    for arn in (pair.blue, pair.green):
        instance = account.run()
        account.until(instance, "running")
        account.elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": instance}])
        found.append(instance)
    return found[0], found[1]


def test_requests_go_by_a_rules_weights_and_one_call_changes_them(
    account: Account, box: Sandbox, pair: Pair
) -> None:
    arn = rule(account, pair, (pair.blue, 100), (pair.green, 0))
    blue, green = members(account, pair)
    # At weight 0 a group is checked: that is what makes it ready.
    account.until_health(green, "healthy", pair.green)
    account.until_health(blue, "healthy", pair.blue)
    assert shares(box, {blue}) == {blue: 100}
    account.elbv2.modify_rule(RuleArn=arn, Actions=forward((pair.blue, 90), (pair.green, 10)))
    eventually(lambda: served(box, 50)[green], what="green answers")
    assert 8 <= served(box, 100)[green] <= 12
    counted = box.load_balancer_counters("website")["groups"]
    assert counted["website-green"]["codes"] == {"200": counted["website-green"]["requests"]}
    account.elbv2.modify_rule(RuleArn=arn, Actions=forward((pair.blue, 0), (pair.green, 1)))
    assert shares(box, {green}) == {green: 100}


def test_a_share_without_a_target_is_answered_with_503(
    account: Account, box: Sandbox, pair: Pair
) -> None:
    """The load balancer does not turn to the other group."""
    blue, green = members(account, pair)
    rule(account, pair, (pair.blue, 1), (pair.green, 1))
    account.until_health(blue, "healthy", pair.blue)
    account.until_health(green, "healthy", pair.green)
    account.elbv2.deregister_targets(TargetGroupArn=pair.green, Targets=[{"Id": green}])
    found = shares(box, {blue, "503"})
    assert 45 <= found["503"] <= 55


def test_a_visitor_stays_with_the_group_of_the_cookie(
    account: Account, box: Sandbox, pair: Pair
) -> None:
    blue, green = members(account, pair)
    arn = rule(account, pair, (pair.blue, 0), (pair.green, 1), sticky=6000)
    account.until_health(blue, "healthy", pair.blue)
    account.until_health(green, "healthy", pair.green)
    shares(box, {green})
    with plain.visitor() as visitor:
        first = visitor.get(box.load_balancer("website"))
        assert visitor.cookies["AWSALBTG"] and visitor.cookies["AWSALBTGCORS"]
        # A browser keeps it for a week; the load balancer, for as long as the rule says.
        named = SimpleCookie(first.headers.get_list("Set-Cookie")[0])["AWSALBTG"]
        kept = parsedate_to_datetime(named["expires"]) - datetime.now(UTC)
        assert timedelta(days=6) < kept < timedelta(days=8)
        back = forward((pair.blue, 1), (pair.green, 0), sticky=6000)
        account.elbv2.modify_rule(RuleArn=arn, Actions=back)
        shares(box, {blue})
        # Who comes anew is sent to blue; who was there stays, also at weight 0.
        cookies = {"AWSALBTG": visitor.cookies["AWSALBTG"]}
        assert served(box, 10, cookies=cookies) == {green: 10}
        account.elbv2.modify_rule(RuleArn=arn, Actions=forward((pair.blue, 1), (pair.green, 0)))
        eventually(lambda: set(served(box, 5, cookies=cookies)) == {blue}, what="all are back")


def test_a_visitor_stays_for_as_long_as_the_rule_says_from_each_answer_on(
    account: Account, box: Sandbox, pair: Pair
) -> None:
    blue, green = members(account, pair)
    arn = rule(account, pair, (pair.blue, 0), (pair.green, 1), sticky=6000)
    account.until_health(blue, "healthy", pair.blue)
    account.until_health(green, "healthy", pair.green)
    shares(box, {green})
    address = box.load_balancer("website")
    with plain.visitor() as visitor:
        first = visitor.get(address).cookies["AWSALBTG"]
        account.elbv2.modify_rule(
            RuleArn=arn, Actions=forward((pair.blue, 1), (pair.green, 0), sticky=100)
        )
        shares(box, {blue})
        # The next answer has the shorter time.
        assert visitor.get(address).headers["X-Instance-Id"] == green
        time.sleep(120 / SPEED)
        assert visitor.get(address).headers["X-Instance-Id"] == blue
    # Somebody who has not come since has the longer one.
    assert served(box, 3, cookies={"AWSALBTG": first}) == {green: 3}
    assert served(box, 3, cookies={"AWSALBTG": "not one of ours"}) == {blue: 3}


def test_the_default_of_a_listener_has_weights_too(
    account: Account, box: Sandbox, pair: Pair
) -> None:
    blue, green = members(account, pair)
    both = forward((pair.blue, 1), (pair.green, 3))
    account.elbv2.modify_listener(ListenerArn=pair.listener, DefaultActions=both)
    account.until_health(blue, "healthy", pair.blue)
    account.until_health(green, "healthy", pair.green)
    found = shares(box, {blue, green})
    assert 70 <= found[green] <= 80


def test_rules_are_told_as_aws_tells_them(account: Account, pair: Pair) -> None:
    second = rule(account, pair, (pair.green, 1), priority=20)
    first = rule(account, pair, (pair.blue, 9), (pair.green, 0), priority=3, sticky=5)
    found = account.elbv2.describe_rules(ListenerArn=pair.listener)["Rules"]
    assert [one["Priority"] for one in found] == ["3", "20", "default"]
    assert [one["RuleArn"] for one in found[:2]] == [first, second]
    assert found[0]["Actions"] == [
        {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [
                    {"TargetGroupArn": pair.blue, "Weight": 9},
                    {"TargetGroupArn": pair.green, "Weight": 0},
                ],
                "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 5},
            },
        }
    ]
    # One group alone is told in both ways.
    assert found[1]["Actions"][0]["TargetGroupArn"] == pair.green
    assert found[1]["Actions"][0]["ForwardConfig"]["TargetGroups"] == [
        {"TargetGroupArn": pair.green, "Weight": 1}
    ]
    assert account.elbv2.describe_rules(RuleArns=[first])["Rules"] == [found[0]]


def test_a_group_is_in_use_as_long_as_a_rule_names_it(account: Account, pair: Pair) -> None:
    def balancers() -> list[str]:
        told = account.elbv2.describe_target_groups(TargetGroupArns=[pair.green])
        return list(told["TargetGroups"][0]["LoadBalancerArns"])

    assert balancers() == []
    arn = rule(account, pair, (pair.blue, 1), (pair.green, 0))
    assert balancers() == [pair.balancer]
    refused(account.elbv2.delete_target_group, "ResourceInUse", TargetGroupArn=pair.green)
    account.elbv2.modify_rule(RuleArn=arn, Actions=forward((pair.blue, 1)))
    assert balancers() == []
    account.elbv2.modify_rule(RuleArn=arn, Actions=forward((pair.green, 1)))
    account.elbv2.delete_rule(RuleArn=arn)
    assert balancers() == []


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ({"weight": 1000}, "ValidationError", "between 0 and 999"),
        ({"weight": -1}, "ValidationError", "between 0 and 999"),
        ({"twice": True}, "ValidationError", "only once"),
        ({"sticky": 604801}, "ValidationError", "must be between 1 and 604800 seconds"),
        ({"unknown": True}, "TargetGroupNotFound", ""),
    ],
)
def test_weights_that_cannot_be(
    account: Account, pair: Pair, more: dict[str, Any], code: str, says: str
) -> None:
    arn = rule(account, pair, (pair.blue, 1), (pair.green, 0))
    before = account.elbv2.describe_rules(RuleArns=[arn])["Rules"]
    second = pair.blue if more.get("twice") else pair.green
    if more.get("unknown"):
        second = pair.green.rpartition("/")[0] + "/0000000000000000"
    actions = forward((pair.blue, 1), (second, more.get("weight", 1)), sticky=more.get("sticky", 0))
    assert says in refused(account.elbv2.modify_rule, code, RuleArn=arn, Actions=actions)
    listen = account.elbv2.modify_listener
    refused(listen, code, ListenerArn=pair.listener, DefaultActions=actions)
    assert account.elbv2.describe_rules(RuleArns=[arn])["Rules"] == before


def test_stickiness_wants_a_duration(account: Account, pair: Pair) -> None:
    actions = forward((pair.blue, 1), (pair.green, 0))
    actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True}
    listen = account.elbv2.modify_listener
    message = refused(listen, "ValidationError", ListenerArn=pair.listener, DefaultActions=actions)
    assert message.endswith("must be between 1 and 604800 seconds")


def test_sticky_targets_want_sticky_groups(account: Account, pair: Pair) -> None:
    account.elbv2.modify_target_group_attributes(
        TargetGroupArn=pair.green, Attributes=[{"Key": "stickiness.enabled", "Value": "true"}]
    )
    arn = rule(account, pair, (pair.blue, 1), (pair.green, 0), sticky=5)
    actions = forward((pair.blue, 1), (pair.green, 0))
    refused(account.elbv2.modify_rule, "InvalidLoadBalancerAction", RuleArn=arn, Actions=actions)


def test_a_default_rule_is_changed_by_its_listener_alone(account: Account, pair: Pair) -> None:
    (default,) = account.elbv2.describe_rules(ListenerArn=pair.listener)["Rules"]
    arn, actions = default["RuleArn"], forward((pair.green, 1))
    refused(account.elbv2.modify_rule, "OperationNotPermitted", RuleArn=arn, Actions=actions)
    refused(account.elbv2.delete_rule, "OperationNotPermitted", RuleArn=arn)
    gone = arn.rpartition("/")[0] + "/0000000000000000"
    refused(account.elbv2.modify_rule, "RuleNotFound", RuleArn=gone, Actions=actions)


def test_a_test_listener_has_an_address_of_its_own(
    account: Account, box: Sandbox, pair: Pair
) -> None:
    rule(account, pair, (pair.blue, 1), (pair.green, 0))
    blue, green = members(account, pair)
    listener = account.elbv2.create_listener(
        LoadBalancerArn=pair.balancer,
        Protocol="HTTP",
        Port=8443,
        DefaultActions=forward((pair.green, 1)),
    )["Listeners"][0]["ListenerArn"]
    address = eventually(lambda: box.load_balancers().get("website:8443"), what="its address")
    account.until_health(green, "healthy", pair.green)
    account.until_health(blue, "healthy", pair.blue)
    assert plain.get(address).headers["X-Instance-Id"] == green
    assert shares(box, {blue}) == {blue: 100}
    account.elbv2.delete_listener(ListenerArn=listener)
