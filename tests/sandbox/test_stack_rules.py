"""The Rules of templates: what is asserted of parameters."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.api import stack_rules
from spotkiln.account.template import template
from spotkiln.aws.release.rights import every
from spotkiln.aws.session import Aws, client_of
from tests.unit.account.test_stack import aws, given

__all__ = ["aws", "given"]

VALUES = {
    "Kind": "large",
    "Port": 3000,
    "Zones": ["a", "b"],
    "None": [],
    "On": "true",
    "AWS::Region": "eu-west-1",
}
TRUE, FALSE = {"Fn::Equals": ["a", "a"]}, {"Fn::Equals": ["a", "b"]}


def ruled(asserted: Any, **rule: Any) -> dict[str, Any]:
    said = {"Assert": asserted, "AssertDescription": "say it otherwise"}
    return {"Rules": {"Mine": {"Assertions": [said], **rule}}}


@pytest.mark.parametrize(
    "asserted",
    [
        {"Fn::Equals": [{"Ref": "Kind"}, "large"]},
        {"Fn::Equals": [{"Ref": "Port"}, "3000"]},
        {"Fn::Equals": [{"Ref": "On"}, True]},
        {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]},
        {"Fn::Not": [FALSE]},
        {"Fn::And": [TRUE, {"Fn::Not": [FALSE]}]},
        {"Fn::Or": [FALSE, TRUE]},
        {"Fn::Contains": [["small", "large"], {"Ref": "Kind"}]},
        {"Fn::Contains": [{"Ref": "Zones"}, "b"]},
        {"Fn::EachMemberEquals": [["x", "x"], "x"]},
        {"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a", "b", "c"]]},
        {"Fn::EachMemberIn": [{"Ref": "None"}, ["a"]]},
        {"Ref": "On"},
        True,
    ],
)
def test_what_holds(asserted: Any) -> None:
    stack_rules.check(ruled(asserted), VALUES)
    with pytest.raises(stack_rules.RuleError, match="Rule Mine failed: say it otherwise"):
        stack_rules.check(ruled({"Fn::Not": [asserted]}), VALUES)


@pytest.mark.parametrize(
    ("asserted", "said"),
    [
        (
            {"Fn::If": ["X", TRUE, FALSE]},
            r"^Template format error: Following functions are not supported in .*: \[Fn::If\]$",
        ),
        ({"Condition": "X"}, r"not supported in the Rules block of the template: \[Condition\]"),
        ({"Fn::Not": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}]}, "the sandbox has no Fn::RefAll"),
        ({"Fn::Equals": [{"Ref": "Nowhere"}, "x"]}, r"Unresolved dependencies \[Nowhere\]"),
        ({"Fn::Equals": ["x"]}, "Fn::Equals in Rules takes a list of 2"),
        ({"Fn::And": [TRUE]}, "Fn::And in Rules takes a list of 2 to 10"),
        ({"Ref": "Kind"}, "expected true or false in Rules, found large"),
        ({"Fn::Not": [TRUE], "Fn::Or": [TRUE, TRUE]}, "expected one function in Rules"),
    ],
)
def test_what_no_rule_can_say(asserted: Any, said: str) -> None:
    with pytest.raises(stack_rules.RuleError, match=said):
        stack_rules.check(ruled(asserted), VALUES)


def test_a_rule_of_no_assertions() -> None:
    with pytest.raises(stack_rules.RuleError, match="Rule Mine must have Assertions"):
        stack_rules.check({"Rules": {"Mine": {"RuleCondition": TRUE}}}, VALUES)


def test_a_rule_is_asked_only_on_its_condition() -> None:
    stack_rules.check(ruled(FALSE, RuleCondition=FALSE), VALUES)
    with pytest.raises(stack_rules.RuleError):
        stack_rules.check(ruled(FALSE, RuleCondition=TRUE), VALUES)
    stack_rules.check({}, VALUES)


def typed(given: dict[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"LoadBalancer": "no"},
            "Rule LoadBalancerThatIsThere failed: LoadBalancer=no needs the L",
        ),
        (
            {"LoadBalancer": "no", "Listener": "arn:x"},
            "Rule LoadBalancerThatIsThere failed: LoadBalancer=no needs the BalancerGroup",
        ),
        ({"WorkerExternalId": "said"}, "Rule WorkerThatSaysAnId failed: EC2 says no external id"),
        ({"Vpc": "vpc-0"}, "vpc-0 for parameter name Vpc does not exist"),
        ({"Port": "x", "LoadBalancer": "maybe"}, "LoadBalancer' must be one of AllowedValues"),
        ({"Worse": "x"}, r"Parameters: \[Worse\] do not exist"),
    ],
)
def test_a_stack_and_a_change_set_are_refused(
    aws: Aws, given: dict[str, str], said: dict[str, str], why: str
) -> None:
    """Whoever asks; spotkiln says it before. Nothing is left of either."""
    cfn: Any = client_of(aws, "cloudformation")
    asked = {
        "StackName": "shop",
        "TemplateBody": json.dumps(template(every())),
        "Parameters": typed({**given, **said}),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    with pytest.raises(ClientError, match=why) as refused:
        cfn.create_stack(**asked)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match=why):
        cfn.create_change_set(**asked, ChangeSetName="one", ChangeSetType="CREATE")
    assert cfn.describe_stacks()["Stacks"] == []


def test_an_update_is_refused_and_leaves_the_stack(aws: Aws, given: dict[str, str]) -> None:
    cfn: Any = client_of(aws, "cloudformation")
    asked = {"StackName": "shop", "TemplateBody": json.dumps(template(every()))}
    cfn.create_stack(**asked, Parameters=typed(given))
    worse = typed({**given, "LoadBalancer": "no"})
    with pytest.raises(ClientError, match="Rule LoadBalancerThatIsThere failed"):
        cfn.update_stack(**asked, Parameters=worse)
    with pytest.raises(ClientError, match="Rule LoadBalancerThatIsThere failed"):
        cfn.create_change_set(
            **asked, Parameters=worse, ChangeSetName="one", ChangeSetType="UPDATE"
        )
    (left,) = cfn.describe_stacks()["Stacks"]
    assert left["StackStatus"] == "CREATE_COMPLETE"
    cfn.update_stack(**asked, Parameters=typed({**given, "HealthPath": "/health"}))
    (group, *_) = aws.elbv2.describe_target_groups(Names=["website"])["TargetGroups"]
    assert group["HealthCheckPath"] == "/health"
