"""The module, in Terraform's JSON syntax. Its variables and outputs are the template's parameters
and outputs."""

import re
from collections.abc import Mapping
from typing import Any

from spotkiln.account.terraform.expression import Template
from spotkiln.account.terraform.resources import resources

# What a pattern refuses at the beginning, in CloudFormation's words.
_REFUSED = re.compile(r"\^\(\?!([^)]*)\)")
# An output of every stack: what is said of it is asked of each plan.
_ALWAYS = "TargetGroup"
_TYPES = {"Number": "number", "List<AWS::EC2::Subnet::Id>": "list(string)"}


def module(template: Mapping[str, Any]) -> dict[str, Any]:
    words, made = Template(template), dict[str, dict[str, Any]]()
    for name, one in template["Resources"].items():
        for kind, called, arguments in resources(words, name, one):
            made.setdefault(kind, {})[called] = arguments
    return {
        "terraform": {
            # The first version in which an output has preconditions.
            "required_version": ">= 1.2",
            # The first version in which each rule of a security group is a resource of its own.
            "required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.0"}},
        },
        "variable": {name: _variable(name, one) for name, one in template["Parameters"].items()},
        "data": {
            kind: {"here": {}} for kind in ("aws_caller_identity", "aws_partition", "aws_region")
        },
        "locals": {
            name: f"${{{words.expression(one)}}}" for name, one in template["Conditions"].items()
        },
        "resource": made,
        "output": {
            name: {
                "description": one["Description"],
                "value": words.filled(one["Value"]),
                **({"precondition": _preconditions(words, template)} if name == _ALWAYS else {}),
            }
            for name, one in template["Outputs"].items()
        },
    }


def _preconditions(words: Template, template: Mapping[str, Any]) -> list[dict[str, str]]:
    """What CloudFormation would refuse by the template's Rules, in the same words. A variable's own
    validation may name others only since Terraform 1.9."""
    return [
        {
            "condition": f"${{!({words.expression(rule['RuleCondition'])}) || "
            f"{words.expression(one['Assert'])}}}",
            "error_message": one["AssertDescription"],
        }
        for rule in template["Rules"].values()
        for one in rule["Assertions"]
    ]


def _variable(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "type": _TYPES.get(one["Type"], "string"),
        "description": one["Description"],
        **({"default": one["Default"]} if "Default" in one else {}),
        # As if it were not said: a module that is called hands on what its caller leaves out.
        "nullable": False,
    }
    said = _validation(name, one)
    return {**found, "validation": said} if said else found


def _validation(name: str, one: Mapping[str, Any]) -> dict[str, str]:
    """What CloudFormation would refuse."""
    if "AllowedValues" in one:
        values = ", ".join(f'"{value}"' for value in one["AllowedValues"])
        holds, expected = f"contains([{values}], var.{name})", f"one of {values}"
    elif "AllowedPattern" in one:
        pattern = one["AllowedPattern"]
        holds, expected = _matches(pattern, f"var.{name}"), f"a text like {pattern}"
        if "MaxLength" in one:
            holds += f" && length(var.{name}) <= {one['MaxLength']}"
            expected += f" of at most {one['MaxLength']} characters"
    elif "MinValue" in one:
        least, most = one["MinValue"], one["MaxValue"]
        holds = f"var.{name} >= {least} && var.{name} <= {most}"
        expected = f"a number from {least} to {most}"
    else:
        return {}
    said = one.get("ConstraintDescription", f"expected {expected}")
    message = f"{name}: {said}."
    return {"condition": f"${{{holds}}}", "error_message": message}


def _matches(pattern: str, text: str) -> str:
    """Terraform's patterns know no lookahead: what must not be there is asked for by itself."""
    without = _REFUSED.match(pattern)
    if without:
        pattern = f"^{pattern[without.end() :]}"
    holds = f'can(regex("{_escaped(pattern)}", {text}))'
    return f'{holds} && !can(regex("^({_escaped(without[1])})", {text}))' if without else holds


def _escaped(pattern: str) -> str:
    return pattern.replace("\\", "\\\\")
