"""The Terraform module says all that the template says. Terraform itself: tests/clients."""

import json
import re
from typing import Any

import pytest

from spotkiln.account.parameters import PARAMETERS
from spotkiln.account.roles import ON_REQUEST
from spotkiln.account.template import template
from spotkiln.account.terraform.expression import TYPES, Template
from spotkiln.account.terraform.module import module
from spotkiln.account.terraform.resources import KINDS
from spotkiln.aws.release.rights import every

WHOLE = template(every())
MODULE = module(WHOLE)
MADE = {(kind, name): one for kind, x in MODULE["resource"].items() for name, one in x.items()}


def words(**more: Any) -> Template:
    return Template({"Parameters": {"Name": {}}, "Resources": {}, "Conditions": {}, **more})


def test_each_parameter_is_a_variable() -> None:
    variables = MODULE["variable"]
    assert variables.keys() == PARAMETERS.keys()
    assert variables["Subnets"]["type"] == "list(string)"
    assert "default" not in variables["Vpc"]
    assert variables["Port"]["validation"]["condition"] == "${var.Port >= 1 && var.Port <= 65535}"
    assert (
        variables["Worker"]["validation"]["error_message"]
        == 'Worker: expected one of "yes", "rights", "no".'
    )
    assert "length(var.WorkerExternalId) <= 1224" in json.dumps(variables["WorkerExternalId"])


def test_what_does_not_go_together_is_refused_as_the_template_does() -> None:
    asked = MODULE["output"]["TargetGroup"]["precondition"]
    assert "count" not in MADE["aws_lb_target_group", "TargetGroup"]
    said = [one for rule in WHOLE["Rules"].values() for one in rule["Assertions"]]
    assert [x["error_message"] for x in asked] == [x["AssertDescription"] for x in said]
    no_balancer = '${!(var.LoadBalancer == "no") ||'
    external_id = '(var.Worker == "yes") && (!(var.WorkerExternalId == ""))'
    assert [x["condition"] for x in asked] == [
        f'{no_balancer} !(var.Listener == "")}}',
        f'{no_balancer} !(var.BalancerGroup == "")}}',
        f'${{!({external_id}) || !(var.WorkerTrust == "")}}',
    ]
    assert all(one["nullable"] is False for one in MODULE["variable"].values())


def test_nothing_is_left_in_cloudformations_words() -> None:
    text = json.dumps(MODULE)
    assert "Fn::" not in text
    assert '"Ref"' not in text


def test_each_resource_is_there_under_its_condition() -> None:
    assert WHOLE["Resources"].keys() <= {name for _, name in MADE}
    for name, one in WHOLE["Resources"].items():
        counts = {x.get("count") for (_, called), x in MADE.items() if called == name}
        condition = one.get("Condition")
        assert counts == {f"${{local.{condition} ? 1 : 0}}" if condition else None}, name


def test_each_kind_of_resource_has_a_name_and_arguments() -> None:
    assert KINDS.keys() == TYPES.keys()


def test_the_workers_rights_are_the_templates() -> None:
    said = "".join(one["policy"] for (kind, _), one in MADE.items() if kind == "aws_iam_policy")
    usual = [one.sid for one in every() if one.part not in ON_REQUEST]
    assert re.findall(r'"Sid" = "(\w+)"', said) == usual
    adopting = MADE["aws_iam_role_policy", "AdoptionPolicy"]
    assert adopting["count"] == "${local.GiveAdoption ? 1 : 0}"
    assert "EndAdopted" in adopting["policy"]


def test_what_a_release_changes_is_left_to_it() -> None:
    for name in ("TargetGroup", "GreenTargetGroup"):
        ignored = MADE["aws_lb_target_group", name]["lifecycle"]["ignore_changes"]
        assert ignored == ["tags", "tags_all"]
    for name in ("HttpRule", "HttpsRule", "OwnRule"):
        rule = MADE["aws_lb_listener_rule", name]
        assert rule["lifecycle"]["ignore_changes"] == ["action"]


def test_servers_may_still_speak_to_everybody() -> None:
    """Terraform takes away what CloudFormation leaves."""
    groups = {name for kind, name in MADE if kind == "aws_security_group"}
    assert {n for kind, n in MADE if kind == "aws_vpc_security_group_egress_rule"} == groups


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", '"plain"'),
        ("${kept} %{kept}", '"$${kept} %%{kept}"'),
        ({"Ref": "Name"}, "var.Name"),
        ({"Ref": "AWS::Region"}, "data.aws_region.here.name"),
        ({"Fn::Sub": "a-${Name}-%{b"}, '"a-${var.Name}-%%{b"'),
        ({"Fn::Split": [",", {"Ref": "Name"}]}, 'split(",", var.Name)'),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, 'split(",", "a,b")[1]'),
        (
            {"Fn::Sub": ["${Name}/${Own}", {"Own": {"Fn::Sub": "${Name}"}}]},
            '"${var.Name}/${"${var.Name}"}"',
        ),
        ({"Fn::Not": [{"Condition": "A"}]}, "!(local.A)"),
        ({"Fn::And": [{"Condition": "A"}, {"Condition": "B"}]}, "(local.A) && (local.B)"),
        ({"a": [1, True]}, '{"a" = [1, true]}'),
        (
            {"a": 1, "b": {"Fn::If": ["A", {"c": 2}, {"Ref": "AWS::NoValue"}]}},
            '{"a" = 1}, jsondecode(local.A ? jsonencode({"b" = {"c" = 2}}) : "{}")',
        ),
    ],
)
def test_functions(value: Any, expected: str) -> None:
    assert words().expression(value) in (expected, f"merge({expected})")


def test_one_that_may_not_be_there_is_named_as_nothing_then() -> None:
    made = {"Type": "AWS::IAM::Role", "Condition": "A"}
    found = words(Resources={"Role": made}).expression({"Fn::GetAtt": ["Role", "Arn"]})
    assert found == "one(aws_iam_role.Role[*].arn)"


def test_a_function_that_is_not_known_is_no_silence() -> None:
    with pytest.raises(ValueError, match="Fn::Base64"):
        words().expression({"Fn::Base64": [0, []]})
