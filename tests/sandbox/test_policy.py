"""What a role's policies allow, decided as IAM does."""

from typing import Any

import pytest

from sandbox.api.policy import decide
from sandbox.api.resources import resources

PRODUCTION = "arn:aws:ssm:eu-west-1:1:parameter/shop/production"


def policy(effect: str, action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}


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
    assert decide([policy("Allow", action, resource)], "ssm:GetParameter", PRODUCTION) == decision


def test_one_statement_needs_no_list_and_a_denial_wins() -> None:
    allow = policy("Allow", "*", "*")
    alone = {"Statement": allow["Statement"][0]}
    assert decide([alone], "ssm:GetParameter", PRODUCTION) == "allowed"
    deny = policy("Deny", "ssm:*", f"{PRODUCTION}*")
    for policies in ([alone, deny], [deny, alone]):
        assert decide(policies, "ssm:GetParameter", PRODUCTION) == "denied"
        assert decide(policies, "logs:PutLogEvents", "arn") == "allowed"
    assert decide([], "ssm:GetParameter", PRODUCTION) == "not allowed"


def test_what_is_not_named_can_be_meant() -> None:
    others = {"Effect": "Allow", "NotAction": "ssm:*", "NotResource": PRODUCTION}
    policies = [{"Statement": [others]}]
    assert decide(policies, "logs:PutLogEvents", "arn") == "allowed"
    assert decide(policies, "logs:PutLogEvents", PRODUCTION) == "not allowed"
    assert decide(policies, "ssm:GetParameter", "arn") == "not allowed"


def test_a_condition_is_read_strictly() -> None:
    condition = {"StringEquals": {"aws:ResourceTag/app": "shop"}}
    may = policy("Allow", "*", "*", Condition=condition)
    assert decide([may], "ssm:GetParameter", PRODUCTION) == "not allowed"
    deny = policy("Deny", "*", "*", Condition=condition)
    assert decide([policy("Allow", "*", "*"), deny], "a:B", "c") == "denied"


def arn(service: str, rest: str) -> str:
    return f"{service}|{rest}"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("ssm", "GetParametersByPath", {"Path": "/shop/a/"}, ["ssm|parameter/shop/a/"]),
        ("ssm", "GetParameter", {"Name": "plain:3"}, ["ssm|parameter/plain"]),
        ("ssm", "GetParameters", {"Names": ["/a", "/b"]}, ["ssm|parameter/a", "ssm|parameter/b"]),
        ("ssm", "DescribeParameters", {}, ["ssm|*"]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "a"}, ["arn of a"]),
        ("secretsmanager", "CreateSecret", {"Name": "a"}, ["arn of a"]),
        ("secretsmanager", "ListSecrets", {}, ["*"]),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "/a", "logStreamName": "b"},
            ["logs|log-group:/a:log-stream:b"],
        ),
        ("logs", "CreateLogGroup", {"logGroupName": "/a"}, ["logs|log-group:/a:log-stream:"]),
        ("elasticloadbalancing", "DeregisterTargets", {"TargetGroupArn": "arn:tg"}, ["arn:tg"]),
        ("elasticloadbalancing", "DescribeTargetHealth", {"TargetGroupArn": "arn:tg"}, ["*"]),
        (
            "elasticloadbalancing",
            "AddTags",
            {"ResourceArns": ["arn:a", "arn:b"]},
            ["arn:a", "arn:b"],
        ),
        ("ec2", "TerminateInstances", {"InstanceIds": ["i-1"]}, ["*"]),
    ],
)
def test_what_a_call_is_about(
    service: str, operation: str, parameters: dict[str, Any], expected: list[str]
) -> None:
    found = resources(service, operation, parameters, arn, lambda secret: f"arn of {secret}")
    assert found == expected
