"""What a role's policies allow, decided as IAM does."""

import json
from typing import Any

import pytest

from sandbox.rights.policy import decide

PRODUCTION = "arn:aws:ssm:eu-west-1:1:parameter/shop/production"


def policy(effect: str, action: Any, resource: Any, **more: Any) -> str:
    one = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Statement": [one]})


@pytest.mark.parametrize(
    ("action", "resource", "decision"),
    [
        ("ssm:GetParameter", PRODUCTION, "allowed"),
        ("ssm:getparameter", PRODUCTION, "allowed"),  # actions are the same in any case
        ("ssm:Get*", PRODUCTION, "allowed"),
        ("*", "*", "allowed"),
        (["ssm:PutParameter", "ssm:GetParameter"], ["arn:other", PRODUCTION], "allowed"),
        ("ssm:GetParameters", PRODUCTION, "not allowed"),
        ("ssm:GetParameter", PRODUCTION.upper(), "not allowed"),
        ("ssm:GetParameter", f"{PRODUCTION}/*", "not allowed"),
        ("ssm:GetParameter", "arn:aws:ssm:*:1:parameter/shop/*", "allowed"),
        ("ssm:GetParameter", PRODUCTION[:-1] + "?", "allowed"),
        ("ssm:GetParameter", PRODUCTION.replace("shop", "sh.p"), "not allowed"),
    ],
)
def test_actions_and_resources_are_matched_by_pattern(
    action: Any, resource: Any, decision: str
) -> None:
    found = decide([policy("Allow", action, resource)], "ssm:GetParameter", PRODUCTION)
    assert found.word == decision


def test_one_statement_needs_no_list_and_a_denial_wins() -> None:
    allow = {"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}
    alone = json.dumps({"Statement": allow})
    assert decide([alone], "ssm:GetParameter", PRODUCTION).by == {"All"}
    deny = policy("Deny", "ssm:*", f"{PRODUCTION}*")
    for policies in ([alone, deny], [deny, alone]):
        assert decide(policies, "ssm:GetParameter", PRODUCTION).word == "denied"
        assert decide(policies, "logs:PutLogEvents", "arn").word == "allowed"
    assert decide([], "ssm:GetParameter", PRODUCTION).word == "not allowed"


def test_what_is_not_named_can_be_meant() -> None:
    others = {"Effect": "Allow", "NotAction": "ssm:*", "NotResource": PRODUCTION}
    policies = [json.dumps({"Statement": [others]})]
    assert decide(policies, "logs:PutLogEvents", "arn").word == "allowed"
    assert decide(policies, "logs:PutLogEvents", PRODUCTION).word == "not allowed"
    assert decide(policies, "ssm:GetParameter", "arn").word == "not allowed"


def test_all_statements_that_allow_are_told() -> None:
    """So that one is known that could be taken away."""
    two = [
        {"Sid": "Wide", "Effect": "Allow", "Action": "ssm:*", "Resource": "*"},
        {"Sid": "Narrow", "Effect": "Allow", "Action": "ssm:GetParameter", "Resource": PRODUCTION},
    ]
    document = json.dumps({"Statement": two})
    assert decide([document], "ssm:GetParameter", PRODUCTION).by == {"Wide", "Narrow"}
    assert decide([document], "ssm:PutParameter", PRODUCTION).by == {"Wide"}


TAG = {"aws:requesttag/app": ("shop",), "aws:tagkeys": ("app", "Name")}


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"aws:RequestTag/app": "shop"}}, TAG, True),
        ({"StringEquals": {"AWS:requestTAG/App": "shop"}}, TAG, True),  # keys in any case
        ({"StringEquals": {"aws:RequestTag/app": "Shop"}}, TAG, False),
        ({"StringEqualsIgnoreCase": {"aws:RequestTag/app": "Shop"}}, TAG, True),
        ({"StringEquals": {"aws:RequestTag/app": ["blog", "shop"]}}, TAG, True),
        ({"StringLike": {"aws:RequestTag/app": "s*"}}, TAG, True),
        ({"StringLike": {"aws:RequestTag/app": "?*"}}, TAG, True),
        ({"StringLike": {"aws:RequestTag/app": "?*"}}, {"aws:requesttag/app": ("",)}, False),
        # A key that the request does not say.
        ({"StringEquals": {"aws:RequestTag/app": "shop"}}, {}, False),
        ({"StringNotEquals": {"aws:RequestTag/app": "shop"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:RequestTag/app": "shop"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:RequestTag/app": "shop"}}, TAG, True),
        ({"StringEqualsIfExists": {"aws:RequestTag/app": "blog"}}, TAG, False),
        ({"Null": {"aws:RequestTag/app": "true"}}, {}, True),
        ({"Null": {"aws:RequestTag/app": "false"}}, TAG, True),
        ({"Null": {"aws:RequestTag/app": True}}, TAG, False),
        # Of a key with several values.
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["app", "Name"]}}, TAG, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["app"]}}, TAG, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["app"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["app"]}}, TAG, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["app"]}}, {}, False),
        ({"StringNotEquals": {"aws:RequestTag/app": ["blog", "shop"]}}, TAG, False),
        # All operators and all keys have to hold.
        (
            {
                "StringEquals": {"aws:RequestTag/app": "shop"},
                "Null": {"aws:RequestTag/team": "false"},
            },
            TAG,
            False,
        ),
        ({"ArnLike": {"a:b": "arn:aws:iam::1:role/*"}}, {"a:b": ("arn:aws:iam::1:role/x",)}, True),
        ({"ArnLike": {"a:b": "arn:*:role/x"}}, {"a:b": ("arn:aws:iam::1:role/x",)}, False),
        ({"Bool": {"a:b": "true"}}, {"a:b": ("True",)}, True),
        ({"NumericLessThan": {"a:b": "5"}}, {"a:b": ("4",)}, True),
        ({"NumericLessThan": {"a:b": "5"}}, {"a:b": ("many",)}, False),
        ({"DateGreaterThan": {"a:b": "2026-01-01T00:00:00Z"}}, {"a:b": ("2027-01-01",)}, True),
        ({"IpAddress": {"a:b": "10.0.0.0/8"}}, {"a:b": ("10.1.2.3",)}, True),
        ({"NotIpAddress": {"a:b": "10.0.0.0/8"}}, {"a:b": ("10.1.2.3",)}, False),
        ({"StringEquals": {"a:b": "${a:c}"}}, {"a:b": ("x",), "a:c": ("x",)}, True),
        ({"StringEquals": {"a:b": "${a:c, 'x'}"}}, {"a:b": ("x",)}, True),
    ],
)
def test_conditions(
    condition: dict[str, Any], context: dict[str, tuple[str, ...]], holds: bool
) -> None:
    may = policy("Allow", "*", "*", Condition=condition)
    expected = "allowed" if holds else "not allowed"
    assert decide([may], "ec2:CreateTags", "arn", context).word == expected


def test_a_condition_that_is_not_known_is_read_strictly() -> None:
    condition = {"StringSounds": {"a:b": "x"}}
    may = policy("Allow", "*", "*", Condition=condition)
    context = {"a:b": ("x",)}
    assert decide([may], "a:B", "c", context).word == "not allowed"
    deny = policy("Deny", "*", "*", Condition=condition)
    assert decide([policy("Allow", "*", "*"), deny], "a:B", "c", context).word == "denied"


def test_a_key_that_was_not_told_is_named() -> None:
    may = policy("Allow", "*", "*", Condition={"StringEquals": {"aws:ResourceTag/app": "shop"}})
    assert decide([may], "ec2:StopInstances", "arn").missing == {"aws:ResourceTag/app"}
